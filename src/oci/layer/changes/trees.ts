import { closeSync } from "node:fs";
import { O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { openDirectory, openat2 } from "../../../linux/file/open.ts";
import { isDirectory } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { pathIn } from "../extract/attributes.ts";
import { joinPlace } from "../extract/name.ts";
import { namesIn } from "../extract/remove.ts";
import { findat } from "../extract/whiteout.ts";
import { portableXattrs } from "../pack/xattrs.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import { changeKinds } from "./change.ts";
import type { PathChange } from "./change.ts";

/**
 * How a tree began: as a copy of another, in which files have other inodes and only what `cp -a` keeps is the same; or
 * as a snapshot, in which a file that nobody touched has the inode and the change time that it had.
 */
export type TreeKind = "copy" | "snapshot";

/**
 * What differs in `young`, which began as `old`. Files of a copy are compared by mode, owner, device, size, time,
 * attributes and number of names; a change that keeps all of these is not seen. Of a snapshot every change is.
 *
 * @param old null when there was nothing.
 */
export const treeChanges = (old: string | null, young: string, kind: TreeKind): PathChange[] => {
  const [before, after] = [old === null ? null : openDirectory(old), openDirectory(young)];
  try {
    return new Comparison(kind).run(before, after);
  } finally {
    closeSync(after);
    if (before !== null) closeSync(before);
  }
};

class Comparison {
  readonly #kind: TreeKind;
  readonly #changes: PathChange[] = [];
  /** Files with several names: those that are the same as before, and the inodes of those that are not. */
  readonly #sameLinks = new Map<ByteString, string>();
  readonly #changedLinks = new Set<string>();

  constructor(kind: TreeKind) {
    this.#kind = kind;
  }

  run(before: number | null, after: number): PathChange[] {
    this.#compare(before, after, "");
    // A name that was added to a file, or taken from it, is a change of that file: an archive has to tell the others.
    const links = [...this.#sameLinks].filter(([, inode]) => this.#changedLinks.has(inode)).map(([path]) => path);
    if (links.length === 0) return this.#changes;
    const all = [...this.#changes, ...links.map((path) => ({ path, kind: changeKinds.modified }))];
    return all.sort((a, b) => (sortKey(a.path) < sortKey(b.path) ? -1 : 1));
  }

  #compare(before: number | null, after: number, path: ByteString): void {
    const changes = this.#changes;
    const names = new Set([...namesIn(after), ...(before === null ? [] : namesIn(before))]);
    let recorded = path === "" || changes.at(-1)?.path === path;
    const at = changes.length;
    for (const name of [...names].sort()) {
      const [was, is] = [before === null ? null : findat(before, name), findat(after, name)];
      const kind = this.#kindOf(before, was, after, is, name);
      if ((kind === changeKinds.added || kind === changeKinds.deleted) && !recorded) {
        changes.splice(at, 0, { path, kind: changeKinds.modified });
        recorded = true;
      }
      const child = joinPlace(path, name);
      if (kind !== null) changes.push({ path: child, kind });
      if (is !== null && isDirectory(is)) this.#descend(before, was, after, name, child);
      else if (is !== null && is.nlink > 1) this.#noteLink(child, is, kind);
    }
  }

  #descend(before: number | null, was: Stat | null, after: number, name: ByteString, path: ByteString): void {
    const flags = O_DIRECTORY | O_NOFOLLOW;
    const isMerged = before !== null && was !== null && isDirectory(was);
    const [old, young] = [
      isMerged ? openat2(before, pathOf(name), { flags }) : null,
      openat2(after, pathOf(name), { flags }),
    ];
    try {
      this.#compare(old, young, path);
    } finally {
      closeSync(young);
      if (old !== null) closeSync(old);
    }
  }

  #noteLink(path: ByteString, stat: Stat, kind: PathChange["kind"] | null): void {
    const inode = `${stat.dev.major}:${stat.dev.minor}:${stat.ino}`;
    if (kind === null) this.#sameLinks.set(path, inode);
    else this.#changedLinks.add(inode);
  }

  #kindOf(
    before: number | null,
    was: Stat | null,
    after: number,
    is: Stat | null,
    name: ByteString,
  ): PathChange["kind"] | null {
    if (is === null) return was === null ? null : changeKinds.deleted;
    if (was === null || before === null) return changeKinds.added;
    if (this.#kind === "snapshot" && was.ino === is.ino && was.ctimeNs === is.ctimeNs) return null;
    const same =
      hasSameAttributes(was, is) &&
      // A directory's size and change time are the file system's business, its time changes with what is in it.
      (isDirectory(is) ||
        (this.#kind === "copy" && was.size === is.size && was.mtimeNs === is.mtimeNs && was.nlink === is.nlink)) &&
      hasSameXattrs(before, after, name);
    return same ? null : changeKinds.modified;
  }
}

const hasSameAttributes = (was: Stat, is: Stat): boolean =>
  was.mode === is.mode &&
  was.uid === is.uid &&
  was.gid === is.gid &&
  was.rdev.major === is.rdev.major &&
  was.rdev.minor === is.rdev.minor;

const hasSameXattrs = (before: number, after: number, name: ByteString): boolean => {
  const [was, is] = [portableXattrs(pathIn(before, name)), portableXattrs(pathIn(after, name))];
  return was.size === is.size && [...was].every(([key, value]) => is.get(key)?.equals(value) === true);
};

/** Sorts a directory in front of what is in it, and that in front of names that only begin alike. */
const sortKey = (path: ByteString): string => path.replaceAll("/", "\0");
