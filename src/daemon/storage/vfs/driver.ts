import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { invalidParameter, notImplemented, systemError } from "../../../base/errors.ts";
import { findBinary } from "../../../linux/process/find-binary.ts";
import { run } from "../../../linux/process/run.ts";
import { isCode } from "../../../linux/error.ts";
import { textOf } from "../../../oci/layer/tar/entry.ts";
import { packTreeChanges } from "../../../oci/layer/transfer.ts";
import type { LayerWorkers } from "../../../oci/layer/worker/pool.ts";
import type { Change, StorageDriver } from "../driver.ts";
import { checkStorageId } from "../driver.ts";
import { Trash } from "../trash.ts";

/** Each layer is a full copy of the one below it: slow and large, and works on every filesystem. */
export class Vfs implements StorageDriver {
  readonly name = "vfs";
  readonly whiteouts = "remove";
  readonly layersRoot = null;
  readonly #root: string;
  readonly #workers: LayerWorkers;
  readonly #trash: Trash;

  /** @param root the driver's directory: `<data root>/vfs`. */
  constructor(root: string, workers: LayerWorkers) {
    this.#root = root;
    this.#workers = workers;
    mkdirSync(join(root, "dir"), { recursive: true, mode: 0o710 });
    mkdirSync(join(root, "parent"), { recursive: true, mode: 0o700 });
    this.#trash = new Trash(join(root, "trash"), workers);
  }

  status(): [string, string][] {
    return [];
  }

  async create(id: string, parent: string | null): Promise<void> {
    const directory = this.diffPath(id);
    mkdirSync(directory, { mode: 0o755 });
    try {
      if (parent !== null) {
        await copyTree(this.diffPath(parent), directory);
        writeFileSync(this.#parentPath(id), parent);
      }
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      rmSync(this.#parentPath(id), { force: true });
      throw error;
    }
  }

  diffPath(id: string): string {
    return join(this.#root, "dir", checkStorageId(id));
  }

  async seal(): Promise<void> {
    // A layer's directory is only ever copied.
  }

  async createWritable(id: string, parent: string | null, options: Record<string, string> = {}): Promise<void> {
    for (const name of Object.keys(options)) {
      throw invalidParameter(name === "size" ? "--storage-opt is not supported for vfs" : `unknown option "${name}"`);
    }
    await this.create(id, parent);
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
    this.#trash.throwAway(this.diffPath(id));
    rmSync(this.#parentPath(id), { force: true });
  }

  async changes(id: string): Promise<Change[]> {
    const changes = await this.#workers.run("changes", { young: this.diffPath(id), old: this.#parentOf(id) });
    return changes.map(({ path, kind }) => ({ path: `/${textOf(path)}`, kind }));
  }

  diff(id: string): Readable {
    return packTreeChanges(this.#workers, this.diffPath(id), this.#parentOf(id));
  }

  /** Of what differs from the layer below. */
  size(id: string): Promise<number> {
    return this.#workers.run("usage", { path: this.diffPath(id), old: this.#parentOf(id) });
  }

  metadata(): Record<string, string> {
    return {};
  }

  list(): string[] {
    return readdirSync(join(this.#root, "dir"));
  }

  /** Resolves once what was removed is off the disk. */
  emptied(): Promise<void> {
    return this.#trash.emptied();
  }

  #parentPath(id: string): string {
    return join(this.#root, "parent", checkStorageId(id));
  }

  /** The directory that a layer began as a copy of. */
  #parentOf(id: string): string | null {
    try {
      return this.diffPath(readFileSync(this.#parentPath(id), "utf8"));
    } catch (error) {
      if (isCode(error, "ENOENT")) return null;
      throw error;
    }
  }
}

const copyTree = async (from: string, to: string): Promise<void> => {
  const program = findBinary("cp");
  if (program === null) throw notImplemented("the vfs storage driver needs the program cp");
  const { code, stderr } = await run([program, "-a", "--reflink=auto", "--sparse=auto", `${from}/.`, to]);
  if (code !== 0) throw systemError(`copying a layer failed: ${stderr.trim()}`);
};
