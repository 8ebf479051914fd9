import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { invalidParameter, notImplemented } from "../../../base/errors.ts";
import { withFileOwner } from "../../../linux/process/file-owner.ts";
import { umountBehind } from "../../../linux/mount/mount.ts";
import { mountOverlay } from "../../../linux/mount/overlay.ts";
import { isMountPoint, mountTable } from "../../../linux/mount/table.ts";
import { textOf } from "../../../oci/layer/tar/entry.ts";
import { openDirectory } from "../../../linux/file/open.ts";
import { pack } from "../../../oci/layer/transfer.ts";
import type { LayerWorkers } from "../../../oci/layer/worker/pool.ts";
import type { Change, MappedLayers, StorageDriver } from "../driver.ts";
import { filesystemName } from "../filesystem.ts";
import { Trash } from "../trash.ts";
import { Layout } from "./layout.ts";

/** What overlay must not do for `diff` to be exact: copy up attributes alone, or record renames. */
const mountOptions = { metacopy: "off", redirect_dir: "off", index: "off" };

/** Layers as directories, merged by the kernel's overlay filesystem. */
export class Overlay2 implements StorageDriver {
  readonly name = "overlay2";
  readonly whiteouts = "overlay";
  readonly #layout: Layout;
  readonly #workers: LayerWorkers;
  readonly #trash: Trash;
  /** Layers whose `merged` is mounted; those that an earlier daemon mounted are among them. */
  readonly #mounted: Set<string>;

  /**
   * @param root the driver's directory: `<data root>/overlay2`.
   * @throws EngineError `not-implemented` when the kernel has no overlay filesystem.
   */
  constructor(root: string, workers: LayerWorkers) {
    if (!/^nodev\toverlay$/m.test(readFileSync("/proc/filesystems", "utf8"))) {
      throw notImplemented("driver not supported: overlay2");
    }
    this.#layout = new Layout(root);
    this.#workers = workers;
    this.#mounted = this.#findMounted();
    this.#trash = new Trash(join(root, ".trash"), workers);
  }

  get layersRoot(): string {
    return this.#layout.root;
  }

  status(): [string, string][] {
    return [
      ["Backing Filesystem", filesystemName(this.#layout.root)],
      ["Supports d_type", "true"],
      ["Using metacopy", "false"],
      ["Native Overlay Diff", "true"],
      ["userxattr", "false"],
    ];
  }

  async create(id: string, parent: string | null): Promise<void> {
    this.#layout.make(id, parent, false);
  }

  diffPath(id: string): string {
    return this.#layout.diff(id);
  }

  async seal(): Promise<void> {
    // A layer's directory is only ever mounted as a lower one.
  }

  async createWritable(id: string, parent: string | null, options: Record<string, string> = {}): Promise<void> {
    checkOptions(options);
    this.#layout.make(id, parent, true);
  }

  mount(id: string, mapped?: MappedLayers): string {
    // The same directories, with the owners that another mount of the root shows.
    const layers = mapped === undefined ? this.#layout : new Layout(mapped.root);
    const lower = layers.lower(id);
    // Nothing to merge it with.
    if (lower.length === 0) return layers.diff(id);
    const target = this.#layout.merged(id);
    if (this.#mounted.has(id)) return target;
    if (layers.isWritable(id)) {
      const [upper, work] = [layers.diff(id), layers.work(id)];
      withFileOwner(mapped?.owner, () => mountOverlay({ lower, upper, work, target, options: mountOptions }));
    } else {
      mkdirSync(target, { recursive: true, mode: 0o700 });
      mountOverlay({ lower: [layers.diff(id), ...lower], target, options: mountOptions });
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
    return readdirSync(this.#layout.root).filter((name) => name !== "l" && !name.startsWith("."));
  }

  /** Resolves once what was removed is off the disk. */
  emptied(): Promise<void> {
    return this.#trash.emptied();
  }

  #findMounted(): Set<string> {
    const mounted = mountTable().filter(
      ({ type, target }) =>
        type === "overlay" && basename(target) === "merged" && dirname(dirname(target)) === this.#layout.root,
    );
    return new Set(mounted.map(({ target }) => basename(dirname(target))));
  }
}

const checkOptions = (options: Record<string, string>): void => {
  for (const name of Object.keys(options)) {
    if (name.toLowerCase() !== "size") throw invalidParameter(`Unknown option ${name}`);
    throw invalidParameter("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  }
};
