import { closeSync } from "node:fs";
import { O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { openDirectory, openat2 } from "../../../linux/file/open.ts";
import { isDirectory } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { joinPlace } from "../extract/name.ts";
import { namesIn } from "../extract/remove.ts";
import { findat } from "../extract/whiteout.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import { changeKinds } from "./change.ts";
import type { PathChange } from "./change.ts";
import { differs } from "./differ.ts";
import type { Found } from "./differ.ts";
import { recordDirectory } from "./record.ts";

/**
 * How a tree began: as a copy of another, in which files have other inodes and only what `cp -a` keeps is the same; or
 * as a snapshot, in which a file that nobody touched has the inode and the change time that it had.
 */
export type TreeKind = "copy" | "snapshot";

/**
 * What differs in `young`, which began as `old`, as `docker diff` tells it. In a copy a file whose content changed is
 * not seen when it has the size and the time that it had; in a snapshot it is.
 *
 * @param old null when there was nothing.
 * @param links for an archive: tell of each file, too, whose names are linked otherwise than they were
 * **Source:** Docker's archive.ChangesDirs for what is reported.
 */
export const treeChanges = (old: string | null, young: string, kind: TreeKind, links = false): PathChange[] => {
  const [before, after] = [old === null ? null : openDirectory(old), openDirectory(young)];
  try {
    return new Comparison(kind, links).run(before, after);
  } finally {
    closeSync(after);
    if (before !== null) closeSync(before);
  }
};

class Comparison {
  readonly #kind: TreeKind;
  readonly #links: LinkNotes | null;
  readonly #changes: PathChange[] = [];

  constructor(kind: TreeKind, links: boolean) {
    this.#kind = kind;
    this.#links = links ? new LinkNotes() : null;
  }

  run(before: number | null, after: number): PathChange[] {
    this.#compare(before, after, "");
    const links = this.#links?.relinked() ?? [];
    if (links.length === 0) return this.#changes;
    const all = [...this.#changes, ...links.map((path) => ({ path, kind: changeKinds.modified }))];
    return all.sort((a, b) => (sortKey(a.path) < sortKey(b.path) ? -1 : 1));
  }

  #compare(before: number | null, after: number, path: ByteString): void {
    const changes = this.#changes;
    const at = changes.length;
    const names = new Set([...namesIn(after), ...(before === null ? [] : namesIn(before))]);
    for (const name of [...names].sort()) {
      const [was, is] = [before === null ? null : found(before, name), found(after, name)];
      const kind = this.#kindOf(was, is);
      const child = joinPlace(path, name);
      if (kind !== null) changes.push({ path: child, kind });
      if (is === null) continue;
      if (isDirectory(is.stat)) this.#descend(was, is, child);
      else this.#links?.note(child, was?.stat ?? null, is.stat, kind !== null);
    }
    recordDirectory(changes, at, path);
  }

  #descend(was: Found | null, is: Found, path: ByteString): void {
    const flags = O_DIRECTORY | O_NOFOLLOW;
    const old = was !== null && isDirectory(was.stat) ? openat2(was.directory, pathOf(was.name), { flags }) : null;
    try {
      const young = openat2(is.directory, pathOf(is.name), { flags });
      try {
        this.#compare(old, young, path);
      } finally {
        closeSync(young);
      }
    } finally {
      if (old !== null) closeSync(old);
    }
  }

  #kindOf(was: Found | null, is: Found | null): PathChange["kind"] | null {
    if (is === null) return was === null ? null : changeKinds.deleted;
    if (was === null) return changeKinds.added;
    const isSnapshot = this.#kind === "snapshot";
    if (isSnapshot && isUntouched(was.stat, is.stat)) return null;
    return differs(was, is, isSnapshot) ? changeKinds.modified : null;
  }
}

/** The time of a change is as coarse as the kernel's clock tick, so that size and mode are looked at too. */
const isUntouched = (was: Stat, is: Stat): boolean =>
  was.ino === is.ino && was.ctimeNs === is.ctimeNs && was.size === is.size && was.mode === is.mode;

/** Which names of one file there are and were. */
class LinkNotes {
  /** Names of files that are as they were, by their inode. */
  readonly #same = new Map<string, ByteString[]>();
  /** Inodes of files that are not. */
  readonly #changed = new Set<string>();
  /** What became of each inode that had several names: the one that its first name has. */
  readonly #became = new Map<string, string>();

  note(path: ByteString, was: Stat | null, is: Stat, isChanged: boolean): void {
    if (is.nlink <= 1 && (was === null || was.nlink <= 1)) return;
    const inode = inodeOf(is);
    if (isChanged) return void this.#changed.add(inode);
    const names = this.#same.get(inode);
    if (names === undefined) this.#same.set(inode, [path]);
    else names.push(path);
    if (was === null || was.nlink <= 1) return;
    const before = inodeOf(was);
    const became = this.#became.get(before);
    if (became === undefined) this.#became.set(before, inode);
    // One file before, two that look the same now.
    else if (became !== inode) this.#changed.add(inode);
  }

  /** Names of files that are the same but for the other names that they have. */
  relinked(): ByteString[] {
    return [...this.#changed].flatMap((inode) => this.#same.get(inode) ?? []);
  }
}

const inodeOf = (stat: Stat): string => `${stat.dev.major}:${stat.dev.minor}:${stat.ino}`;

const found = (directory: number, name: ByteString): Found | null => {
  const stat = findat(directory, name);
  return stat === null ? null : { directory, name, stat };
};

/** Sorts a directory in front of what is in it, and that in front of names that only begin alike. */
const sortKey = (path: ByteString): string => path.replaceAll("/", "\0");
