import { closeSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../../linux/file/flags.ts";
import { openDirectory, openat2, pathOf as descriptorPath } from "../../../linux/file/open.ts";
import { isDirectory } from "../../../linux/file/stat.ts";
import { findxattr } from "../../../linux/file/xattr.ts";
import { joinPlace } from "../extract/name.ts";
import { namesIn } from "../extract/remove.ts";
import { findat, isOverlayWhiteout, opaqueMemberName, opaqueXattr } from "../extract/whiteout.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import { changeKinds } from "./change.ts";
import type { PathChange } from "./change.ts";
import { differs } from "./differ.ts";
import type { Found } from "./differ.ts";
import { recordDirectory } from "./record.ts";

/**
 * What the upper directory of an overlay changes in the layers below, as `docker diff` tells it: what differs between
 * the two trees that one sees, and not what overlay has copied up or marked on the way.
 *
 * @param lower directories of the layers below, the topmost first.
 * **Source:** Documentation/filesystems/overlayfs.rst; Docker's archive.ChangesDirs for what is reported.
 */
export const overlayChanges = (upper: string, lower: readonly string[]): PathChange[] => {
  const changes: PathChange[] = [];
  using lowers = Layers.open(lower);
  const root = openDirectory(upper);
  try {
    walk(root, "", lowers, false, changes);
  } finally {
    closeSync(root);
  }
  return changes;
};

/** @param hides nothing of the layers below is seen in the directory but what it has itself */
const walk = (directory: number, path: ByteString, below: Layers, hides: boolean, changes: PathChange[]): void => {
  const at = changes.length;
  const names = namesIn(directory).filter((name) => !isMark(name));
  const all = hides ? [...new Set([...names, ...below.names()])] : names;
  for (const name of all.sort()) {
    const stat = findat(directory, name);
    const is = stat === null || isOverlayWhiteout(stat) ? null : { directory, name, stat };
    const was = below.find(name);
    const child = joinPlace(path, name);
    const kind = kindOf(was, is);
    if (kind !== null) changes.push({ path: child, kind });
    if (is === null || !isDirectory(is.stat)) continue;
    const isMerged = was !== null && isDirectory(was.stat);
    descend(is, child, below, isMerged && (hides || isOpaque(directory, name)), changes);
  }
  recordDirectory(changes, at, path);
};

const kindOf = (was: Found | null, is: Found | null): PathChange["kind"] | null => {
  // A whiteout of what never was: something made and removed again.
  if (is === null) return was === null ? null : changeKinds.deleted;
  if (was === null) return changeKinds.added;
  return differs(was, is, true) ? changeKinds.modified : null;
};

const descend = (found: Found, path: ByteString, below: Layers, hides: boolean, changes: PathChange[]): void => {
  const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
  const directory = openat2(found.directory, pathOf(found.name), { flags });
  try {
    using inside = below.enter(found.name);
    walk(directory, path, inside, hides, changes);
  } finally {
    closeSync(directory);
  }
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
  find(name: ByteString): Found | null {
    for (const directory of this.#directories) {
      const stat = findat(directory, name);
      if (stat !== null) return isOverlayWhiteout(stat) ? null : { directory, name, stat };
    }
    return null;
  }

  /** All names that stand for something. */
  names(): ByteString[] {
    const names = new Set(this.#directories.flatMap((directory) => namesIn(directory)));
    return [...names].filter((name) => this.find(name) !== null);
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
