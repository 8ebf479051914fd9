import { statOf, statat } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import type { Owner } from "../../../linux/namespace/id-mapping.ts";

/** What what is made in a directory is born with: the owner, and the permission bits that were seen to be kept. */
interface Birth extends Owner {
  keptBits: number;
}

/** Bits that are always set afterwards: setuid, setgid, sticky. */
const specialBits = 0o7000;
/** Most directories that are remembered. */
const directoriesMax = 4096;

/**
 * Knows which files and directories need no change of owner or mode after they were made: what they are born with
 * depends only on the process (its ids and umask), the mount, and the directory (a setgid bit, a default ACL). So one
 * look at the first of a directory tells for the others, as long as the directory itself is not changed.
 */
export class Births {
  readonly #files = new Map<ByteString, Birth>();
  readonly #directories = new Map<ByteString, Birth>();

  readonly #isPrivate: boolean;

  /** @param isPrivate nobody else changes anything in the tree; without that everything is set afterwards. */
  constructor(isPrivate: boolean) {
    this.#isPrivate = isPrivate;
  }

  /** The mode to make a file with: all of it, or only what is needed to fill it when the rest is set afterwards. */
  fileMode(mode: number): number {
    return this.#isPrivate && (mode & specialBits) === 0 ? mode : 0o600;
  }

  /** The same for a directory. */
  directoryMode(mode: number): number {
    return this.#isPrivate && (mode & (specialBits | 0o700)) === 0o700 ? mode : 0o700;
  }

  /** What a file that was just made in a directory with `fileMode` has already. */
  ofFile(directory: ByteString, fd: number, mode: number, owner: Owner): { owner: boolean; mode: boolean } {
    if (this.fileMode(mode) !== mode) return { owner: false, mode: false };
    return this.#of(this.#files, directory, mode, owner, () => statOf(fd));
  }

  /** The same for a directory `name` that was just made in another, open one, with `directoryMode`. */
  ofDirectory(
    parent: { fd: number; path: ByteString },
    name: ByteString,
    mode: number,
    owner: Owner,
  ): { owner: boolean; mode: boolean } {
    if (this.directoryMode(mode) !== mode) return { owner: false, mode: false };
    return this.#of(this.#directories, parent.path, mode, owner, () => statat(parent.fd, pathOf(name)));
  }

  /** A directory was changed or replaced: what is made in it, or in what is below it, may be born otherwise. */
  forget(): void {
    this.#files.clear();
    this.#directories.clear();
  }

  #of(
    known: Map<ByteString, Birth>,
    directory: ByteString,
    mode: number,
    owner: Owner,
    look: () => Stat,
  ): { owner: boolean; mode: boolean } {
    let birth = known.get(directory);
    if (birth === undefined || (mode & ~birth.keptBits) !== 0) {
      const stat = look();
      // A bit that one kept, all keep: umask and ACL only take bits away. Bits that came by themselves need care.
      const isKept = (stat.mode & 0o7777) === mode;
      birth = { uid: stat.uid, gid: stat.gid, keptBits: (birth?.keptBits ?? 0) | (isKept ? mode : 0) };
      if (known.size >= directoriesMax) known.clear();
      known.set(directory, birth);
    }
    return { owner: owner.uid === birth.uid && owner.gid === birth.gid, mode: (mode & ~birth.keptBits) === 0 };
  }
}
