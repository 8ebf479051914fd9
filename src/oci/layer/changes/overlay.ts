import { closeSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../../linux/file/flags.ts";
import { openDirectory, openat2, pathOf as descriptorPath } from "../../../linux/file/open.ts";
import { isDirectory } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { findxattr } from "../../../linux/file/xattr.ts";
import { joinPlace } from "../extract/name.ts";
import { namesIn } from "../extract/remove.ts";
import { findat, isOverlayWhiteout, opaqueMemberName, opaqueXattr } from "../extract/whiteout.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import { changeKinds } from "./change.ts";
import type { PathChange } from "./change.ts";

/**
 * What the upper directory of an overlay changes in the layers below, as `docker diff` tells it: a directory counts as
 * modified when its own size, mode or time differs, or something in it was added or deleted.
 *
 * @param lower directories of the layers below, the topmost first.
 * **Source:** Documentation/filesystems/overlayfs.rst; Docker's archive.OverlayChanges for what is reported.
 */
export const overlayChanges = (upper: string, lower: readonly string[]): PathChange[] => {
  const changes: PathChange[] = [];
  using lowers = Layers.open(lower);
  const root = openDirectory(upper);
  try {
    walk(root, "", lowers, changes);
  } finally {
    closeSync(root);
  }
  return changes;
};

const walk = (directory: number, path: ByteString, below: Layers, changes: PathChange[]): void => {
  let recorded = path === "" || changes.at(-1)?.path === path;
  const at = changes.length;
  for (const name of namesIn(directory).sort()) {
    const stat = isMark(name) ? null : findat(directory, name);
    if (stat === null) continue;
    const child = joinPlace(path, name);
    const change = compare(directory, name, stat, below.find(name));
    if (change !== null && change !== changeKinds.modified && !recorded) {
      changes.splice(at, 0, { path, kind: changeKinds.modified });
      recorded = true;
    }
    if (change !== null) changes.push({ path: child, kind: change });
    if (isDirectory(stat)) descend(directory, name, child, below, changes);
  }
};

const descend = (parent: number, name: ByteString, path: ByteString, below: Layers, changes: PathChange[]): void => {
  const directory = openat2(parent, pathOf(name), { flags: O_PATH | O_DIRECTORY | O_NOFOLLOW });
  try {
    using inside = below.enter(name);
    walk(directory, path, inside, changes);
  } finally {
    closeSync(directory);
  }
};

const compare = (directory: number, name: ByteString, stat: Stat, lower: Stat | null): PathChange["kind"] | null => {
  if (isOverlayWhiteout(stat)) return changeKinds.deleted;
  if (lower === null) return changeKinds.added;
  if (!isDirectory(stat)) return changeKinds.modified;
  // Deleted and made again: Docker reports the deletion.
  if (isDirectory(lower) && isOpaque(directory, name)) return changeKinds.deleted;
  const same = stat.size === lower.size && stat.mode === lower.mode && stat.mtimeNs === lower.mtimeNs;
  return same && isDirectory(lower) ? null : changeKinds.modified;
};

/** What fuse-overlayfs leaves in a directory that hides the one below, beside the attribute. */
const isMark = (name: ByteString): boolean => name === opaqueMemberName || name === ".wh..opq";

const isOpaque = (directory: number, name: ByteString): boolean =>
  findxattr(Buffer.from(`${descriptorPath(directory)}/${name}`, "latin1"), opaqueXattr)?.toString() === "y";

/** One directory as the layers below show it: the directories that are merged into it, the topmost first. */
class Layers implements Disposable {
  readonly #directories: number[];

  constructor(directories: number[]) {
    this.#directories = directories;
  }

  static open(paths: readonly string[]): Layers {
    return new Layers(paths.map((path) => openDirectory(path)));
  }

  /** The file that a name stands for; null when there is none or it was deleted. */
  find(name: ByteString): Stat | null {
    for (const directory of this.#directories) {
      const stat = findat(directory, name);
      if (stat !== null) return isOverlayWhiteout(stat) ? null : stat;
    }
    return null;
  }

  /** The directory of that name. */
  enter(name: ByteString): Layers {
    const inside: number[] = [];
    for (const directory of this.#directories) {
      const stat = findat(directory, name);
      if (stat === null) continue;
      if (!isDirectory(stat)) break;
      const fd = open(directory, name);
      if (fd !== null) inside.push(fd);
      if (isOpaque(directory, name)) break;
    }
    return new Layers(inside);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#directories) closeSync(fd);
  }
}

const open = (directory: number, name: ByteString): number | null => {
  try {
    return openat2(directory, pathOf(name), { flags: O_PATH | O_DIRECTORY | O_NOFOLLOW });
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
};
