import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { invalidParameter, notImplemented, systemError } from "../../../base/errors.ts";
import { findBinary } from "../../../linux/process/find-binary.ts";
import { run } from "../../../linux/process/run.ts";
import type { LayerWorkers } from "../../../oci/layer/worker/pool.ts";
import { CopiedLayers } from "../copy/layers.ts";
import type { Change, StorageDriver } from "../driver.ts";
import { checkStorageId } from "../driver.ts";
import { sizeOption } from "../options.ts";
import type { DriverOptions } from "../options.ts";
import { ProjectQuota, noProjectQuota } from "../quota/projects.ts";
import { Trash } from "../trash.ts";

/** How long the copy of a layer may take. */
const copyMaxMs = 60 * 60 * 1000;

/** Each layer is a full copy of the one below it: slow and large, and works on every filesystem. */
export class Vfs implements StorageDriver {
  readonly name = "vfs";
  readonly whiteouts = "remove";
  readonly independent = false;
  readonly mapsOwners = false;
  readonly layersRoot = null;
  readonly #root: string;
  readonly #layers: CopiedLayers;
  readonly #quota: ProjectQuota | null;
  /** Of containers that ask for none; 0 is no limit. */
  readonly #defaultBytes: number;
  readonly #trash: Trash;

  /**
   * @param root the driver's directory: `<data root>/vfs`.
   * @throws EngineError invalid-parameter for an option that is unknown or cannot be had, in dockerd's words
   */
  constructor(root: string, workers: LayerWorkers, options: DriverOptions = []) {
    this.#root = root;
    this.#defaultBytes = defaultSize(options);
    mkdirSync(join(root, "dir"), { recursive: true, mode: 0o710 });
    this.#quota = ProjectQuota.open(join(root, "dir"));
    if (this.#defaultBytes > 0 && this.#quota === null) throw invalidParameter(noProjectQuota);
    this.#layers = new CopiedLayers(root, "copy", (id) => this.diffPath(id), workers);
    this.#trash = new Trash(join(root, "trash"), workers);
  }

  status(): null {
    return null;
  }

  create(id: string, parent: string | null): Promise<void> {
    return this.#create(id, parent, 0);
  }

  async setParent(id: string): Promise<void> {
    throw new Error(`a layer of vfs begins as a copy of its parent: ${id}`);
  }

  mendParent(id: string, parent: string | null): boolean {
    return this.#layers.mend(id, parent);
  }

  diffPath(id: string): string {
    return join(this.#root, "dir", checkStorageId(id));
  }

  async seal(): Promise<void> {
    // A layer's directory is only ever copied.
  }

  async createWritable(id: string, parent: string | null, options?: Record<string, string>): Promise<void> {
    const bytes = this.#limitOf(options);
    await this.#create(id, parent, bytes);
  }

  mount(id: string): string {
    return this.diffPath(id);
  }

  async unmount(): Promise<void> {
    // Nothing is mounted.
  }

  exists(id: string): boolean {
    return existsSync(this.diffPath(id));
  }

  async remove(id: string): Promise<void> {
    if (this.#quota !== null && this.exists(id)) this.#quota.release(this.diffPath(id));
    this.#trash.throwAway(this.diffPath(id));
    this.#layers.forget(id);
  }

  changes(id: string): Promise<Change[]> {
    return this.#layers.changes(id);
  }

  diff(id: string): Readable {
    return this.#layers.diff(id);
  }

  size(id: string): Promise<number> {
    return this.#layers.size(id);
  }

  metadata(): Record<string, string> {
    return {};
  }

  list(): string[] {
    return readdirSync(join(this.#root, "dir"));
  }

  collect(): void {
    this.#layers.collect(this.list());
  }

  /** Resolves once what was removed is off the disk. */
  emptied(): Promise<void> {
    return this.#trash.emptied();
  }

  async #create(id: string, parent: string | null, limitBytes: number): Promise<void> {
    const directory = this.diffPath(id);
    mkdirSync(directory, { mode: 0o755 });
    try {
      if (limitBytes > 0) this.#quota?.limit(directory, limitBytes);
      if (parent === null) return;
      await copyTree(this.diffPath(parent), directory);
      this.#layers.note(id, parent);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      this.#layers.forget(id);
      throw error;
    }
  }

  #limitOf(options: Record<string, string> | undefined): number {
    if (options === undefined) return 0;
    let bytes = this.#defaultBytes;
    for (const [name, value] of Object.entries(options)) {
      if (name !== "size") throw invalidParameter(`Storage opt ${name} not supported`);
      if (this.#quota === null) throw invalidParameter(noProjectQuota);
      bytes = sizeOption(value);
    }
    return bytes;
  }
}

const defaultSize = (options: DriverOptions): number => {
  let bytes = 0;
  for (const [name, value] of options) {
    if (name !== "size") throw invalidParameter(`unknown option ${name} for vfs`);
    bytes = sizeOption(value);
  }
  return bytes;
};

const copyTree = async (from: string, to: string): Promise<void> => {
  const program = findBinary("cp");
  if (program === null) throw notImplemented("the vfs storage driver needs the program cp");
  const argv = [program, "-a", "--reflink=auto", "--sparse=auto", "--", `${from}/.`, to];
  const { code, stderr } = await run(argv, { timeoutMs: copyMaxMs });
  if (code !== 0) throw systemError(`copying a layer failed: ${stderr.trim()}`);
};
