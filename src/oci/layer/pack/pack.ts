import { closeSync, constants } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { O_DIRECTORY, O_NOFOLLOW, fileType } from "../../../linux/file/flags.ts";
import { openat2, pathOf as descriptorPath } from "../../../linux/file/open.ts";
import type { IdMapping } from "../../../linux/namespace/id-mapping.ts";
import { readlinkat, statat } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { findxattr } from "../../../linux/file/xattr.ts";
import { pathIn } from "../extract/attributes.ts";
import { joinPlace } from "../extract/name.ts";
import { namesIn } from "../extract/remove.ts";
import { isOverlayWhiteout, opaqueMemberName, opaqueXattr, whiteoutName } from "../extract/whiteout.ts";
import { encodeEntry, endOfArchive, paddingOf } from "../tar/encode.ts";
import { byteString, pathOf } from "../tar/entry.ts";
import type { ByteString, Entry, EntryType } from "../tar/entry.ts";
import { ownerInside } from "../mapping/owner.ts";
import type { ArchiveSink } from "../sink.ts";
import { portableXattrs } from "./xattrs.ts";

export interface PackOptions {
  /** Turn overlay's marks of removed names into the `.wh.` members of a layer. */
  whiteouts?: boolean;
  /** Owner of everything instead of the file's own. */
  owner?: { uid: number; gid: number };
  /** The files are seen through a mapping: the archive has the owners that a container with it sees. */
  mapping?: IdMapping;
}

/** What a member takes from a file's attributes. */
type Attributes = Pick<Stat, "mode" | "uid" | "gid" | "mtimeNs" | "rdev">;

const whiteoutMember = /^\.wh\./;
const zeros = Buffer.alloc(1 << 16);
const billion = 1_000_000_000n;

/**
 * Writes an archive of files: each `add` a file or a whole directory, `end` the end. Hard links are found, sockets are
 * left out, times are whole seconds as in Docker's archives. Names come in the order of their bytes. Synchronous: for
 * worker threads.
 */
export class TarPacker {
  readonly #sink: ArchiveSink;
  readonly #options: PackOptions;
  /** First name of each file that has several. */
  readonly #links = new Map<string, ByteString>();

  constructor(sink: ArchiveSink, options: PackOptions = {}) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Everything in an open directory, as members below `prefix` ("" for none); the directory itself has no member. */
  addContents(directory: number, prefix: ByteString): void {
    // Members of the root itself, archived as "/", keep that one slash.
    const as = prefix === "/" ? (name: ByteString) => `/${name}` : (name: ByteString) => joinPlace(prefix, name);
    for (const name of namesIn(directory).sort(byBytes)) this.add(directory, name, as(name));
  }

  /** What has a name in an open directory, as the member `as`, with everything below it. Follows no symlink. */
  add(directory: number, name: ByteString, as: ByteString, { recursive = true } = {}): void {
    // No layer can hold such a name: it would mean that another one is removed. fuse-overlayfs leaves some too.
    if (this.#options.whiteouts === true && whiteoutMember.test(name)) return;
    const stat = present(() => statat(directory, pathOf(name)));
    if (stat === null) return;
    if (this.#options.whiteouts === true && isOverlayWhiteout(stat)) return this.addWhiteoutOf(as);
    const type = typeOf(stat);
    if (type === null) return;
    if (type === "directory") return this.#addDirectory(directory, name, as, stat, recursive);
    const first = stat.nlink > 1 ? this.#firstName(stat, as) : null;
    if (first !== null) return this.#member(stat, "hardlink", as, { linkName: first });
    if (type === "file") return this.#addFile(directory, name, as);
    const linkName = type === "symlink" ? present(() => byteString(readlinkat(directory, pathOf(name)))) : "";
    if (linkName !== null)
      this.#member(stat, type, as, {
        linkName,
        xattrs: portableXattrs(pathIn(directory, name), this.#options.mapping),
      });
  }

  end(): void {
    this.#sink.write(endOfArchive);
  }

  /** The member that says that a name was removed. */
  addWhiteoutOf(path: ByteString): void {
    const slash = path.lastIndexOf("/");
    this.#addMark(path.slice(0, slash + 1) + whiteoutName(path.slice(slash + 1)), 0n);
  }

  #addDirectory(parent: number, name: ByteString, as: ByteString, stat: Stat, recursive: boolean): void {
    const flags = constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    const directory = present(() => openat2(parent, pathOf(name), { flags }));
    if (directory === null) return;
    try {
      const path = Buffer.from(`${descriptorPath(directory)}/.`);
      this.#member(stat, "directory", as === "/" ? as : `${as}/`, {
        xattrs: portableXattrs(path, this.#options.mapping),
      });
      if (this.#options.whiteouts === true && findxattr(path, opaqueXattr)?.toString() === "y") {
        this.#addMark(joinPlace(as, opaqueMemberName), stat.mtimeNs);
      }
      if (recursive) this.addContents(directory, as);
    } finally {
      closeSync(directory);
    }
  }

  /** An empty file that stands for a removal. */
  #addMark(name: ByteString, mtimeNs: bigint): void {
    const mark = { mode: fileType.regular | 0o600, uid: 0, gid: 0, mtimeNs, rdev: { major: 0, minor: 0 } };
    this.#member(mark, "file", name, {});
  }

  #addFile(directory: number, name: ByteString, as: ByteString): void {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | O_NOFOLLOW;
    const fd = present(() => openat2(directory, pathOf(name), { flags }));
    if (fd === null) return;
    try {
      // The open file is what counts: the name may stand for another one by now.
      const now = statat(fd, "");
      if (typeOf(now) !== "file") return;
      this.#member(now, "file", as, {
        sizeBytes: now.size,
        xattrs: portableXattrs(fd, this.#options.mapping),
      });
      this.#copy(fd, now.size);
    } finally {
      closeSync(fd);
    }
  }

  /** Exactly `sizeBytes`: what a file grew is left out, what it shrank is zeros. */
  #copy(fd: number, sizeBytes: number): void {
    let done = 0;
    for (; done < sizeBytes;) {
      const count = this.#sink.read(fd, sizeBytes - done, done).length;
      if (count === 0) break;
      done += count;
    }
    for (; done < sizeBytes; done += zeros.length) this.#sink.write(zeros.subarray(0, sizeBytes - done));
    this.#sink.write(paddingOf(sizeBytes));
  }

  #member(stat: Attributes, type: EntryType, name: ByteString, more: Partial<Entry>): void {
    const device = type === "character" || type === "block";
    const { uid, gid } = this.#options.owner ?? ownerInside(stat, this.#options.mapping);
    const entry: Entry = {
      type,
      name,
      linkName: "",
      mode: stat.mode & 0o7777,
      uid,
      gid,
      sizeBytes: 0,
      mtimeNs: stat.mtimeNs - (((stat.mtimeNs % billion) + billion) % billion),
      major: device ? stat.rdev.major : 0,
      minor: device ? stat.rdev.minor : 0,
      xattrs: new Map(),
      fragments: null,
      ...more,
    };
    this.#sink.write(encodeEntry(entry));
  }

  #firstName(stat: Stat, as: ByteString): ByteString | null {
    const key = `${stat.dev.major}:${stat.dev.minor}:${stat.ino}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, as);
    return first ?? null;
  }
}

/** Byte strings compare as their bytes do. */
const byBytes = (a: ByteString, b: ByteString): number => (a < b ? -1 : a > b ? 1 : 0);

/** Null for what vanished, or became something else, between two looks at a tree in use. */
const present = <T>(look: () => T): T | null => {
  try {
    return look();
  } catch (error) {
    if (isCode(error, "ENOENT", "ELOOP", "ENOTDIR", "ENXIO")) return null;
    throw error;
  }
};

const types: Readonly<Record<number, EntryType>> = {
  [fileType.regular]: "file",
  [fileType.directory]: "directory",
  [fileType.symlink]: "symlink",
  [fileType.character]: "character",
  [fileType.block]: "block",
  [fileType.fifo]: "fifo",
};

const typeOf = (stat: Stat): EntryType | null => types[stat.mode & fileType.mask] ?? null;
