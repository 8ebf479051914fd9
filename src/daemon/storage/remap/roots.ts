import { closeSync, mkdirSync, rmdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isCode } from "../../../linux/error.ts";
import { umountBehind } from "../../../linux/mount/mount.ts";
import { isMountPoint, mountTable } from "../../../linux/mount/table.ts";
import { attachTree, cloneTree } from "../../../linux/mount/tree.ts";
import type { StorageDriver } from "../driver.ts";
import { idmap } from "./idmap.ts";
import { type Remap, rootsName } from "./remap.ts";

/** The roots of containers whose owners are mapped, mounted where the containers' own root may enter them. */
export class MappedRoots {
  /** Where each is, by its layer's id; those that an earlier daemon mounted are among them. */
  readonly #mounted: Map<string, string>;

  /** @param folder `<exec root>/userns` */
  constructor(folder: string) {
    const targets = mountTable()
      .map(({ target }) => target)
      .filter((target) => dirname(dirname(dirname(target))) === folder && basename(dirname(target)) === rootsName);
    this.#mounted = new Map(targets.map((target) => [basename(target), target]));
  }

  /** The merged layer with mapped owners; mounted when this returns. @throws EngineError system */
  mount(driver: StorageDriver, id: string, remap: Remap): string {
    const known = this.#mounted.get(id);
    if (known !== undefined) return known;
    const target = join(remap.roots, id);
    const { layers: root, owner, mapping } = remap;
    const merged = driver.mapsOwners ? driver.mount(id, { root, owner, mapping }) : driver.mount(id);
    const tree = cloneTree(merged);
    try {
      if (!driver.mapsOwners) idmap(tree, remap.userNamespace, `the filesystem of the storage driver ${driver.name}`);
      mkdirSync(target, { recursive: true, mode: 0o700 });
      attachTree(tree, target);
    } finally {
      closeSync(tree);
    }
    this.#mounted.set(id, target);
    return target;
  }

  /** Ends the mount, if there is one. The driver's own goes next. */
  async unmount(id: string): Promise<void> {
    const target = this.#mounted.get(id);
    if (target === undefined) return;
    await umountBehind(target, (path) => isMountPoint(path));
    this.#mounted.delete(id);
    try {
      rmdirSync(target);
    } catch (error) {
      if (!isCode(error, "ENOENT")) throw error;
    }
  }

  /** The layers that are mounted so. */
  ids(): string[] {
    return [...this.#mounted.keys()];
  }
}
