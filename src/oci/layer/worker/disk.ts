import { closeSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { openat2 } from "../../../linux/file/open.ts";
import { isDirectory, statat } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { namesIn } from "../extract/remove.ts";
import { byteString, pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";

/** What files take: the sum of their lengths, and of the blocks that the filesystem gave them. Directories count too. */
export interface DiskUse {
  apparentBytes: number;
  allocatedBytes: number;
}

/** A file or directory of the host; `shallow`: without what is in it. */
export interface DiskUnit {
  path: string;
  shallow?: boolean;
}

const blockBytes = 512;

/**
 * What each unit takes, as `du -x` counts: a file with several names once in the whole call, other filesystems that are
 * mounted below not at all. What is gone takes nothing.
 */
export const diskUseOf = (units: readonly DiskUnit[]): DiskUse[] => {
  const seen = new Set<string>();
  return units.map(({ path, shallow }) => {
    const use: DiskUse = { apparentBytes: 0, allocatedBytes: 0 };
    new Walk(seen, use).count(AT_FDCWD, byteString(path), shallow !== true);
    return use;
  });
};

class Walk {
  readonly #seen: Set<string>;
  readonly #use: DiskUse;
  #device: string | null = null;

  constructor(seen: Set<string>, use: DiskUse) {
    this.#seen = seen;
    this.#use = use;
  }

  count(parent: number, name: ByteString, deep: boolean): void {
    try {
      const stat = statat(parent, pathOf(name));
      const device = `${stat.dev.major}:${stat.dev.minor}`;
      this.#device ??= device;
      if (device !== this.#device) return;
      this.#add(stat, device);
      if (deep && isDirectory(stat)) this.#enter(parent, name);
    } catch (error) {
      if (!isCode(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    }
  }

  #add(stat: Stat, device: string): void {
    if (stat.nlink > 1 && !isDirectory(stat)) {
      const inode = `${device}:${stat.ino}`;
      if (this.#seen.has(inode)) return;
      this.#seen.add(inode);
    }
    this.#use.apparentBytes += stat.size;
    this.#use.allocatedBytes += stat.blocks * blockBytes;
  }

  #enter(parent: number, name: ByteString): void {
    const directory = openat2(parent, pathOf(name), { flags: O_DIRECTORY | O_NOFOLLOW });
    try {
      for (const child of namesIn(directory)) this.count(directory, child, true);
    } finally {
      closeSync(directory);
    }
  }
}
