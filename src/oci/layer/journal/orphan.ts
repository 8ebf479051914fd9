import { closeSync, constants, copyFileSync } from "node:fs";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../../linux/file/flags.ts";
import { isCode } from "../../../linux/error.ts";
import { mkdirat, renameat2 } from "../../../linux/file/make.ts";
import { openat2, pathOf as descriptorPath } from "../../../linux/file/open.ts";
import { isDirectory, isRegular } from "../../../linux/file/stat.ts";
import { namesIn } from "../extract/remove.ts";
import { findat } from "../extract/whiteout.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";

/** A name in an open directory. */
interface At {
  fd: number;
  name: ByteString;
}

/**
 * Moves what has a name to another directory, or copies the contents of its files where it cannot be moved: a btrfs
 * subvolume is a filesystem to rename(2), and blocks are shared all the same.
 *
 * @returns false when it is still there, too
 */
export const orphan = (from: At, to: At): boolean => {
  try {
    renameat2(from.fd, pathOf(from.name), to.fd, pathOf(to.name));
    return true;
  } catch (error) {
    if (!isCode(error, "EXDEV")) throw error;
    copyContents(from, to);
    return false;
  }
};

/** What is neither a file nor a directory has no content that an archive is rebuilt from. */
const copyContents = (from: At, to: At): void => {
  const there = findat(from.fd, from.name);
  if (there === null) return;
  if (isDirectory(there)) copyDirectory(from, to);
  else if (isRegular(there)) copyFile(from, to);
};

const copyDirectory = (from: At, to: At): void => {
  mkdirat(to.fd, pathOf(to.name), 0o700);
  const source = openat2(from.fd, pathOf(from.name), { flags: O_DIRECTORY | O_NOFOLLOW });
  try {
    const target = openat2(to.fd, pathOf(to.name), { flags: O_DIRECTORY | O_NOFOLLOW });
    try {
      for (const name of namesIn(source)) copyContents({ fd: source, name }, { fd: target, name });
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
};

const copyFile = (from: At, to: At): void => {
  const source = openat2(from.fd, pathOf(from.name), { flags: O_PATH | O_NOFOLLOW });
  try {
    const target = Buffer.concat([Buffer.from(`${descriptorPath(to.fd)}/`), Buffer.from(to.name, "latin1")]);
    copyFileSync(descriptorPath(source), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } finally {
    closeSync(source);
  }
};
