import { existsSync, mkdirSync, readlinkSync, statfsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { isCode } from "../../../linux/error.ts";
import { openDirectory } from "../../../linux/file/open.ts";
import { umount, umountBehind } from "../../../linux/mount/mount.ts";
import { isMountPoint, mountTable } from "../../../linux/mount/table.ts";
import { textOf } from "../../../oci/layer/tar/entry.ts";
import { pack } from "../../../oci/layer/transfer.ts";
import type { LayerWorkers } from "../../../oci/layer/worker/pool.ts";
import type { Change, MappedLayers, StorageDriver } from "../driver.ts";
import type { DriverOptions } from "../options.ts";
import { Trash } from "../trash.ts";
import type { OverlayKind } from "./kind.ts";
import { kernelOverlay } from "./kind.ts";
import { Layout } from "./layout.ts";
import { SizeLimits } from "./limits.ts";

/** Layers as directories, merged by the kernel's overlay filesystem or by what does the same. */
export class Overlay2 implements StorageDriver {
  readonly name: string;
  readonly whiteouts = "overlay";
  readonly independent = true;
  readonly mapsOwners = true;
  readonly #kind: OverlayKind;
  readonly #layout: Layout;
  readonly #workers: LayerWorkers;
  readonly #trash: Trash;
  readonly #limits: SizeLimits;
  /** Layers whose `merged` is mounted; those that an earlier daemon mounted are among them. */
  readonly #mounted: Set<string>;

  /**
   * @param root the driver's directory: `<data root>/overlay2`.
   * @throws EngineError `not-implemented` when the host has no such overlay, `invalid-parameter` for an option that is
   * unknown or cannot be had
   */
  constructor(
    root: string,
    workers: LayerWorkers,
    options: DriverOptions = [],
    kind: OverlayKind = kernelOverlay("overlay2"),
  ) {
    this.name = kind.name;
    this.#kind = kind;
    kind.check(root);
    this.#layout = new Layout(root);
    this.#limits = new SizeLimits(root, kind, options);
    this.#workers = workers;
    this.#mounted = this.#findMounted();
    this.#trash = new Trash(join(root, ".trash"), workers);
  }

  get layersRoot(): string | null {
    return this.#kind.mapsLayers ? this.#layout.root : null;
  }

  status(): [string, string][] {
    return this.#kind.status(this.#layout.root);
  }

  async create(id: string, parent: string | null): Promise<void> {
    this.#layout.make(id, parent, false);
  }

  async setParent(id: string, parent: string): Promise<void> {
    this.#layout.setParent(id, parent);
  }

  mendParent(id: string, parent: string | null): boolean {
    return this.#layout.mend(id, parent);
  }

  diffPath(id: string): string {
    return this.#layout.diff(id);
  }

  async seal(): Promise<void> {
    // A layer's directory is only ever mounted as a lower one.
  }

  async createWritable(id: string, parent: string | null, options?: Record<string, string>): Promise<void> {
    const bytes = this.#limits.wanted(options);
    this.#layout.make(id, parent, true, (directory) => this.#limits.set(directory, bytes));
  }

  mount(id: string, mapped?: MappedLayers): string {
    // The same directories, with the owners that another mount of the root shows.
    const layers = mapped === undefined || mapped.root === null ? this.#layout : new Layout(mapped.root);
    const { root } = layers;
    const lower = layers.lower(id);
    // Nothing to merge it with.
    if (lower.length === 0) return layers.diff(id);
    const target = this.#layout.merged(id);
    if (this.#mounted.has(id) && isAlive(target)) return target;
    if (layers.isWritable(id)) {
      const [upper, work] = [layers.diff(id), layers.work(id)];
      this.#kind.mount({ root, lower, upper, work, target, mapped });
    } else {
      mkdirSync(target, { recursive: true, mode: 0o700 });
      this.#kind.mount({ root, lower: [layers.diff(id), ...lower], target, mapped });
    }
    this.#mounted.add(id);
    return target;
  }

  async unmount(id: string): Promise<void> {
    if (!this.#mounted.has(id)) return;
    await umountBehind(this.#layout.merged(id), (target) => isMountPoint(target));
    this.#mounted.delete(id);
  }

  exists(id: string): boolean {
    return existsSync(this.#layout.directory(id));
  }

  async remove(id: string): Promise<void> {
    await this.unmount(id);
    if (this.exists(id)) this.#limits.release(this.#layout.directory(id));
    this.#layout.removeLink(id);
    this.#trash.throwAway(this.#layout.directory(id));
  }

  async changes(id: string): Promise<Change[]> {
    const lower = this.#layout.lower(id);
    const changes = await this.#workers.run("changes", { upper: this.#layout.diff(id), lower });
    return changes.map(({ path, kind }) => ({ path: `/${textOf(path)}`, kind }));
  }

  diff(id: string): Readable {
    return pack(this.#workers, openDirectory(this.#layout.diff(id)), { whiteouts: true });
  }

  size(id: string): Promise<number> {
    return this.#workers.run("usage", { path: this.#layout.diff(id) });
  }

  metadata(id: string): Record<string, string> {
    const lower = this.#layout.lower(id).map((link) => join(this.#layout.root, "l", readlinkSync(link)));
    return {
      ...(lower.length === 0 ? {} : { LowerDir: lower.join(":") }),
      MergedDir: this.#layout.merged(id),
      UpperDir: this.#layout.diff(id),
      WorkDir: this.#layout.work(id),
    };
  }

  list(): string[] {
    return this.#layout.list();
  }

  collect(): void {
    this.#layout.removeLostLinks();
  }

  emptied(): Promise<void> {
    return this.#trash.emptied();
  }

  #findMounted(): Set<string> {
    const mounted = mountTable().filter(
      ({ type, target }) =>
        type === this.#kind.filesystemType &&
        basename(target) === "merged" &&
        dirname(dirname(target)) === this.#layout.root,
    );
    return new Set(mounted.map(({ target }) => basename(dirname(target))));
  }
}

/** False for a mount whose server has died, which is taken away. */
const isAlive = (target: string): boolean => {
  try {
    // Asks the server: what stat says may be remembered.
    statfsSync(target);
    return true;
  } catch (error) {
    if (!isCode(error, "ENOTCONN", "ECONNABORTED")) throw error;
    umount(target, { detach: true });
    return false;
  }
};
