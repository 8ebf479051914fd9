import { closeSync, readlinkSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { fchmodat } from "../../../linux/file/attributes.ts";
import { O_DIRECTORY, O_PATH, resolve } from "../../../linux/file/flags.ts";
import { mkdirat } from "../../../linux/file/make.ts";
import { findOpenat2, openInRoot, openat2, pathOf as descriptorPath } from "../../../linux/file/open.ts";
import { joinPlace, placeOf } from "./name.ts";
import { byteString, pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";

/** A directory inside a tree that was resolved by the kernel. */
export interface Directory {
  /** An O_PATH descriptor that the tree owns; valid until it is forgotten; the last two asked for are not, by themselves. */
  fd: number;
  /** Its path below the root with every symlink resolved; "" for the root. */
  path: ByteString;
}

/** Most descriptors of directories that are kept open. */
const openDirectoriesMax = 256;
/** Permission bits of directories that an archive implies and does not name. */
const impliedMode = 0o755;

/**
 * A directory that stands for "/": every path in it is resolved by the kernel (openat2), so neither `..` nor a symlink
 * leads out, whatever else is changed in it at the same time. Resolved directories are kept, which saves one lookup a
 * file; they must be forgotten when a name that may be part of such a path is removed.
 *
 * **Source:** openat2(2), RESOLVE_IN_ROOT and RESOLVE_BENEATH.
 */
export class Tree implements Disposable {
  readonly root: number;
  readonly #known = new Map<ByteString, Directory>();
  #rootPath: ByteString | null = null;

  /** Takes over `root`, an O_PATH or read descriptor of the directory. */
  constructor(root: number) {
    this.root = root;
  }

  /**
   * The directory at a clean path. What is missing is made when `make` is true.
   *
   * @throws SystemError ENOENT, or ENOTDIR where something else than a directory is in the way.
   */
  directory(path: ByteString, make: boolean): Directory {
    if (path === "") return { fd: this.root, path: "" };
    const known = this.#known.get(path);
    if (known !== undefined) {
      // Moved to the end: the map's order is the order of use.
      this.#known.delete(path);
      this.#known.set(path, known);
      return known;
    }
    const directory = this.#open(path) ?? (make ? this.#make(path) : this.#resolve(path));
    this.#known.set(path, directory);
    this.#closeOldest();
    return directory;
  }

  /** Opens a directory whose path must hold no symlink, not kept: the caller closes it. */
  openExactly(path: ByteString): number {
    const flags = O_PATH | O_DIRECTORY;
    return openat2(this.root, path === "" ? "." : pathOf(path), { flags, resolve: exact });
  }

  /**
   * Forgets every resolved directory but `kept`, which is in use. To be called when a directory or symlink was removed
   * or moved.
   */
  forget(kept?: Directory): void {
    for (const [path, directory] of this.#known) {
      if (directory === kept) continue;
      this.#known.delete(path);
      closeSync(directory.fd);
    }
  }

  [Symbol.dispose](): void {
    this.forget();
    closeSync(this.root);
  }

  #open(path: ByteString): Directory | null {
    try {
      const fd = findOpenat2(this.root, pathOf(path), { flags: O_PATH | O_DIRECTORY, resolve: exact });
      return fd === null ? null : { fd, path };
    } catch (error) {
      if (isCode(error, "ELOOP", "EXDEV")) return this.#resolve(path);
      throw error;
    }
  }

  #resolve(path: ByteString): Directory {
    const fd = openInRoot(this.root, pathOf(path), O_PATH | O_DIRECTORY);
    const [root, real] = [this.#realRoot(), realPath(fd)];
    // A tree that is bound at several places, or that was moved, has no path of its own: the one asked for does.
    return { fd, path: real === root ? "" : real.startsWith(`${root}/`) ? real.slice(root.length + 1) : path };
  }

  #make(path: ByteString): Directory {
    const { directory, base } = placeOf(path);
    const parent = this.directory(directory, true);
    try {
      mkdirat(parent.fd, pathOf(base), impliedMode);
      // Whatever the process's umask took away.
      fchmodat(parent.fd, pathOf(base), impliedMode);
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
    }
    return this.#open(joinPlace(parent.path, base)) ?? this.#resolve(path);
  }

  #realRoot(): ByteString {
    this.#rootPath ??= realPath(this.root);
    return this.#rootPath === "/" ? "" : this.#rootPath;
  }

  #closeOldest(): void {
    if (this.#known.size <= openDirectoriesMax) return;
    const [path, directory] = this.#known.entries().next().value ?? [];
    if (path === undefined || directory === undefined) return;
    this.#known.delete(path);
    closeSync(directory.fd);
  }
}

const exact = resolve.beneath | resolve.noSymlinks | resolve.noMagicLinks;

const realPath = (fd: number): ByteString => byteString(readlinkSync(descriptorPath(fd), { encoding: "buffer" }));
