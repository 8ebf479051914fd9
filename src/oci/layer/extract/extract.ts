import { closeSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { fileType } from "../../../linux/file/flags.ts";
import { linkat, makeDevice, mkdirat, mknodat, symlinkat, tryMkdirat } from "../../../linux/file/make.ts";
import { createFile } from "../../../linux/file/open.ts";
import type { IdMapping, Owner } from "../../../linux/namespace/id-mapping.ts";
import { isDirectory } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { messageOf } from "../../../base/errors.ts";
import { pathOf, textOf } from "../tar/entry.ts";
import type { ByteString, Entry } from "../tar/entry.ts";
import { TarError } from "../tar/error.ts";
import type { TarReader } from "../tar/reader.ts";
import { ownerOutside } from "../mapping/owner.ts";
import { applyByName, applyTime, applyToFile } from "./attributes.ts";
import { Births } from "./birth.ts";
import { writeContent } from "./content.ts";
import { joinPlace, placeOf } from "./name.ts";
import { namesIn, removeAt } from "./remove.ts";
import type { Tree } from "./tree.ts";
import type { Directory } from "./tree.ts";
import { findat, isOverlayWhiteout, makeOpaque, makeOverlayWhiteout, whiteoutOf } from "./whiteout.ts";
import type { Whiteout, WhiteoutForm } from "./whiteout.ts";

export interface ExtractOptions {
  whiteouts: WhiteoutForm;
  /** Owner of everything, instead of the one in the archive. */
  owner?: Owner;
  /** The directory is seen through a mapping: the archive's owners are those that a container with it sees. */
  mapping?: IdMapping;
  /**
   * Refuse to replace a directory by something else and the other way round, as `docker cp` does. Holds where the
   * archive goes, as the refusal names it.
   */
  keepKind?: string;
  /** Most directories; another number than the usual one is for tests. */
  directoriesMax?: number;
}

/** Hears what an extraction did, so that the archive can be rebuilt from the tree. */
export interface ExtractObserver {
  /** Content was written to the file at `path` (its real path in the tree). */
  content(path: ByteString, offset: number, length: number, crc: number): void;
  /** What this archive made at `path` is in the way. @returns true when the observer moved it elsewhere. */
  replaced(directory: Directory, name: ByteString, path: ByteString): boolean;
}

/** Most directories of one archive: their times are kept in memory until the end. */
const directoriesMax = 2 ** 19;

/**
 * Writes the members of a hostile archive below a directory. Every name is resolved by the kernel inside the tree, every
 * last component is created new and never followed.
 *
 * **Source:** OCI image-spec, layer.md; Docker's go-archive for what replaces what.
 */
export class Extractor {
  /** Bytes of the files and symlinks that are there now, as Docker counts a layer's size. */
  sizeBytes = 0;
  readonly #tree: Tree;
  readonly #reader: TarReader;
  readonly #options: ExtractOptions;
  readonly #observer: ExtractObserver | null;
  /** Times of directories, set last: what is made in a directory changes them. */
  readonly #directoryTimes = new Map<ByteString, bigint>();
  /** What this archive made, and not the layers below; kept only where a tree begins with theirs. */
  readonly #made: Set<ByteString> | null;
  readonly #births: Births;

  constructor(tree: Tree, reader: TarReader, options: ExtractOptions, observer: ExtractObserver | null = null) {
    this.#tree = tree;
    this.#reader = reader;
    this.#options = options;
    this.#observer = observer;
    // A layer's tree is nobody else's; one that a container uses may change under our hands.
    this.#births = new Births(observer !== null);
    this.#made = options.whiteouts === "remove" ? new Set() : null;
  }

  /** @throws TarError naming the member that is wrong or could not be made, with the system's error as cause. */
  run(): void {
    for (let entry = this.#reader.next(); entry !== null; entry = this.#reader.next()) {
      try {
        this.#extract(entry);
      } catch (error) {
        if (error instanceof TarError) throw error;
        throw new TarError(`${textOf(entry.name)}: ${messageOf(error)}`, { cause: error });
      }
    }
    for (const [path, mtimeNs] of this.#directoryTimes) this.#applyDirectoryTime(path, mtimeNs);
  }

  #extract(entry: Entry): void {
    const { directory, base } = placeOf(entry.name);
    if (base === "") return this.#extractRoot(entry);
    const whiteout = this.#options.whiteouts === "none" ? null : whiteoutOf(base);
    const parent = this.#tree.directory(directory, true);
    if (whiteout !== null) this.#applyWhiteout(whiteout, parent);
    else if (entry.type === "file") this.#extractFile(entry, parent, base);
    else if (entry.type === "directory") this.#extractDirectory(entry, parent, base);
    else if (entry.type === "hardlink") this.#extractHardlink(entry, parent, base);
    else this.#extractNode(entry, parent, base);
    if (whiteout === null) this.#noteMade(joinPlace(parent.path, base));
  }

  /** The directories above are this archive's too, whether it names them or not. */
  #noteMade(path: ByteString): void {
    const made = this.#made;
    if (made === null) return;
    for (let name = path; name !== "" && !made.has(name); name = placeOf(name).directory) made.add(name);
  }

  #extractRoot(entry: Entry): void {
    if (entry.type !== "directory") throw new TarError(`invalid name "${textOf(entry.name)}" in archive`);
    this.#births.forget();
    applyByName(this.#tree.root, ".", entry, this.#ownerOf(entry), this.#options.mapping);
    this.#directoryTimes.set("", entry.mtimeNs);
  }

  #extractFile(entry: Entry, parent: Directory, base: ByteString): void {
    const mode = this.#births.fileMode(entry.mode);
    let fd = createFile(parent.fd, pathOf(base), mode);
    if (fd === null) {
      this.#makeWay(parent, base, entry);
      fd = createFile(parent.fd, pathOf(base), mode);
      if (fd === null) throw new TarError(`${textOf(base)}: is there again`);
    }
    try {
      const path = joinPlace(parent.path, base);
      const observer = this.#observer;
      const onContent =
        observer === null
          ? null
          : (offset: number, length: number, crc: number) => observer.content(path, offset, length, crc);
      writeContent(fd, entry, this.#reader, onContent);
      const owner = this.#ownerOf(entry);
      const born = this.#births.ofFile(parent.path, fd, entry.mode, owner);
      applyToFile(fd, entry, owner, born, this.#options.mapping);
    } finally {
      closeSync(fd);
    }
    this.sizeBytes += entry.sizeBytes;
  }

  #extractDirectory(entry: Entry, parent: Directory, base: ByteString): void {
    const owner = this.#ownerOf(entry);
    const path = joinPlace(parent.path, base);
    this.#directoryTimes.set(path, entry.mtimeNs);
    const most = this.#options.directoriesMax ?? directoriesMax;
    if (this.#directoryTimes.size > most) throw new TarError(`more than ${most} directories in archive`);
    if (tryMkdirat(parent.fd, pathOf(base), this.#births.directoryMode(entry.mode))) {
      this.#applyToNew(parent, base, entry, owner);
      return;
    }
    const there = findat(parent.fd, base);
    if (there === null || !isDirectory(there)) {
      const hides = there !== null && this.#options.whiteouts === "overlay" && isOverlayWhiteout(there);
      if (there !== null) this.#replace(parent, base, there, entry);
      mkdirat(parent.fd, pathOf(base), 0o700);
      // The layers below had the name and it was removed: what they have in it must not come back.
      if (hides) makeOpaque(parent.fd, base);
    }
    // What is made in it from now on may be born otherwise.
    this.#births.forget();
    applyByName(parent.fd, base, entry, owner, this.#options.mapping);
  }

  #applyToNew(parent: Directory, base: ByteString, entry: Entry, owner: Owner): void {
    const born = this.#births.ofDirectory(parent, base, entry.mode, owner);
    if (!born.owner || !born.mode || entry.xattrs.size > 0)
      applyByName(parent.fd, base, entry, owner, this.#options.mapping);
  }

  #extractHardlink(entry: Entry, parent: Directory, base: ByteString): void {
    const target = placeOf(entry.linkName);
    const from = this.#tree.directory(target.directory, false);
    const [source, path] = [joinPlace(from.path, target.base), joinPlace(parent.path, base)];
    // A link to itself would remove its own target.
    if (source === path) throw new TarError(`invalid hardlink "${textOf(path)}" -> "${textOf(entry.linkName)}"`);
    this.#make(parent, base, entry, () => linkat(from.fd, pathOf(target.base), parent.fd, pathOf(base)));
  }

  #extractNode(entry: Entry, parent: Directory, base: ByteString): void {
    const name = pathOf(base);
    this.#make(parent, base, entry, () => {
      if (entry.type === "symlink") symlinkat(pathOf(entry.linkName), parent.fd, name);
      else if (entry.type === "fifo") mknodat(parent.fd, name, fileType.fifo | 0o600);
      else
        mknodat(
          parent.fd,
          name,
          fileType[entry.type as "character" | "block"] | 0o600,
          makeDevice(entry.major, entry.minor),
        );
    });
    applyByName(parent.fd, base, entry, this.#ownerOf(entry), this.#options.mapping);
    applyTime(parent.fd, base, entry.mtimeNs);
    if (entry.type === "symlink") this.sizeBytes += entry.linkName.length;
  }

  /** Makes something new; what has the name already makes way. */
  #make<T>(parent: Directory, base: ByteString, entry: Entry, create: () => T): T {
    try {
      return create();
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
      this.#makeWay(parent, base, entry);
      return create();
    }
  }

  #makeWay(parent: Directory, base: ByteString, entry: Entry): void {
    const there = findat(parent.fd, base);
    if (there !== null) this.#replace(parent, base, there, entry);
  }

  #replace(parent: Directory, base: ByteString, there: Stat, entry: Entry): void {
    const path = joinPlace(parent.path, base);
    const { keepKind } = this.#options;
    if (keepKind !== undefined && isDirectory(there) !== (entry.type === "directory")) {
      const [old, young] = isDirectory(there) ? ["directory", "non-directory"] : ["non-directory", "directory"];
      throw new TarError(`cannot overwrite ${old} "${textOf(path)}" with ${young} "${keepKind}"`);
    }
    const type = there.mode & fileType.mask;
    const isContent = type === fileType.regular || type === fileType.symlink;
    // What the layers below have is no content of this archive: nobody needs it to put the archive together again.
    const isOurs = this.#made?.has(path) !== false;
    if (isContent && there.nlink === 1 && isOurs) this.sizeBytes -= there.size;
    const mayBePath = type === fileType.directory || type === fileType.symlink;
    // The parent's descriptor is used after this; only others are closed when the tree forgets.
    if (!isOurs || this.#observer?.replaced(parent, base, path) !== true) removeAt(parent.fd, base);
    if (!mayBePath) return;
    this.#tree.forget(parent);
    this.#births.forget();
  }

  #applyWhiteout(whiteout: Whiteout, parent: Directory): void {
    if (whiteout.kind === "meta") return;
    if (this.#options.whiteouts === "overlay") {
      if (whiteout.kind === "opaque") makeOpaque(parent.fd, "");
      else makeOverlayWhiteout(parent.fd, whiteout.name);
      return;
    }
    for (const name of whiteout.kind === "opaque" ? namesIn(parent.fd) : [whiteout.name]) {
      this.#removeLower(parent, name);
    }
    this.#tree.forget(parent);
    this.#births.forget();
  }

  /** Removes what the layers below have at a name, and spares what this layer made. */
  #removeLower(parent: Directory, name: ByteString): void {
    const path = joinPlace(parent.path, name);
    if (this.#made?.has(path) !== true) return removeAt(parent.fd, name);
    const there = findat(parent.fd, name);
    if (there === null || !isDirectory(there)) return;
    const fd = this.#tree.openExactly(path);
    try {
      for (const child of namesIn(fd)) this.#removeLower({ fd, path }, child);
    } finally {
      closeSync(fd);
    }
  }

  #ownerOf(entry: Entry): Owner {
    return ownerOutside(this.#options.owner ?? entry, this.#options.mapping);
  }

  #applyDirectoryTime(path: ByteString, mtimeNs: bigint): void {
    try {
      const fd = this.#tree.openExactly(path);
      try {
        applyTime(fd, ".", mtimeNs);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      // Replaced by a later member.
      if (!isCode(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    }
  }
}
