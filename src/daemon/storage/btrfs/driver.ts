import { chmodSync, closeSync, constants, existsSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { notImplemented } from "../../../base/errors.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { createSnapshot, createSubvolume, setReadOnly } from "../../../linux/filesystem/btrfs.ts";
import type { LayerWorkers } from "../../../oci/layer/worker/pool.ts";
import { CopiedLayers } from "../copy/layers.ts";
import { checkStorageId } from "../driver.ts";
import type { Change, StorageDriver } from "../driver.ts";
import { filesystemName } from "../filesystem.ts";
import type { DriverOptions } from "../options.ts";
import { Trash } from "../trash.ts";
import { limitSubvolume, minimumSpace, sizeWanted } from "./limit.ts";
import { removeSubvolume } from "./remove.ts";

/** Each layer is a subvolume, begun as a snapshot of the one below: made at once, and whatever they share is there once. */
export class Btrfs implements StorageDriver {
  readonly name = "btrfs";
  readonly whiteouts = "remove";
  readonly mapsOwners = false;
  readonly layersRoot = null;
  readonly independent = false;
  readonly #root: string;
  readonly #layers: CopiedLayers;
  readonly #trash: Trash;
  /** Least size that a container can ask for, bytes. */
  readonly #minSpaceBytes: number;

  /**
   * @param root the driver's directory: `<data root>/btrfs`.
   * @throws EngineError `not-implemented` on another filesystem, `invalid-parameter` for an unknown option
   */
  constructor(root: string, workers: LayerWorkers, options: DriverOptions = []) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o710 });
    if (filesystemName(root) !== "btrfs") {
      throw notImplemented("prerequisites for driver not satisfied (wrong filesystem?)");
    }
    this.#minSpaceBytes = minimumSpace(options);
    mkdirSync(this.#subvolumes, { recursive: true, mode: 0o710 });
    this.#layers = new CopiedLayers(root, "snapshot", (id) => this.diffPath(id), workers);
    this.#trash = new Trash(join(root, "trash"), workers);
  }

  /** As dockerd, which tells the version of a library that it does not have here. */
  status(): [string, string][] {
    return [["Btrfs", ""]];
  }

  async create(id: string, parent: string | null): Promise<void> {
    checkStorageId(id);
    using directory = openFor(this.#subvolumes);
    if (parent === null) {
      createSubvolume(directory.fd, id);
      // The root directory of containers, whatever the process's umask is.
      chmodSync(this.diffPath(id), 0o755);
      return;
    }
    using source = openFor(this.diffPath(parent));
    await createSnapshot(source.fd, directory.fd, id);
    this.#layers.note(id, parent);
  }

  async setParent(id: string): Promise<void> {
    throw new Error(`a layer of btrfs begins as a copy of its parent: ${id}`);
  }

  mendParent(id: string, parent: string | null): boolean {
    return this.#layers.mend(id, parent);
  }

  diffPath(id: string): string {
    return join(this.#subvolumes, checkStorageId(id));
  }

  async seal(id: string): Promise<void> {
    using subvolume = openFor(this.diffPath(id));
    await setReadOnly(subvolume.fd, true);
  }

  async createWritable(id: string, parent: string | null, options: Record<string, string> = {}): Promise<void> {
    const bytes = sizeWanted(options, this.#minSpaceBytes);
    await this.create(id, parent);
    if (bytes === null) return;
    try {
      await limitSubvolume(this.diffPath(id), bytes);
    } catch (error) {
      await this.remove(id);
      throw error;
    }
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
    if (!this.#removeSubvolume(id)) this.#trash.throwAway(this.diffPath(id));
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
    return readdirSync(this.#subvolumes);
  }

  collect(): void {
    this.#layers.collect(this.list());
  }

  /** Resolves once what was removed is off the disk; the kernel frees the space of subvolumes behind this. */
  emptied(): Promise<void> {
    return this.#trash.emptied();
  }

  get #subvolumes(): string {
    return join(this.#root, "subvolumes");
  }

  /** @returns false when there is none of that name, or it is a mere directory (of a data root that was copied) */
  #removeSubvolume(id: string): boolean {
    using directory = openFor(this.#subvolumes);
    return removeSubvolume(directory.fd, this.diffPath(id), id);
  }
}

/** A directory that ioctls are asked of. */
const openFor = (path: string): Disposable & { fd: number } => {
  const fd = openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
};
