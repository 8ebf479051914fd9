import { closeSync, constants, readSync } from "node:fs";
import { O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { openat2 } from "../../../linux/file/open.ts";
import { isDirectory, isRegular, isSymlink, readlinkat } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { pathIn } from "../extract/attributes.ts";
import { portableXattrs } from "../pack/xattrs.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";

/** A file by its name in an open directory. */
export interface Found {
  directory: number;
  name: ByteString;
  stat: Stat;
}

/** Files above this are not read to see whether they are the same: they count as changed. */
const comparedMaxBytes = 64 << 20;
const pieceBytes = 1 << 18;

/**
 * Whether a file is another than it was: kind, mode, owner, device, attributes; for what is no directory size and time.
 * @param content read what is the same in all that, too: for a file that is known to have been touched
 */
export const differs = (was: Found, is: Found, content: boolean): boolean => {
  if (!hasSameAttributes(was.stat, is.stat) || !hasSameXattrs(was, is)) return true;
  // A directory's size is the file system's business, its time changes with what is in it.
  if (isDirectory(is.stat)) return false;
  if (was.stat.size !== is.stat.size || was.stat.mtimeNs !== is.stat.mtimeNs) return true;
  return content && !hasSameContent(was, is);
};

const hasSameAttributes = (was: Stat, is: Stat): boolean =>
  was.mode === is.mode &&
  was.uid === is.uid &&
  was.gid === is.gid &&
  was.rdev.major === is.rdev.major &&
  was.rdev.minor === is.rdev.minor;

const hasSameXattrs = (was: Found, is: Found): boolean => {
  const [before, after] = [was, is].map(({ directory, name }) => portableXattrs(pathIn(directory, name)));
  if (before === undefined || after === undefined || before.size !== after.size) return false;
  return [...before].every(([key, value]) => after.get(key)?.equals(value) === true);
};

const hasSameContent = (was: Found, is: Found): boolean => {
  if (isSymlink(is.stat)) {
    return readlinkat(was.directory, pathOf(was.name)).equals(readlinkat(is.directory, pathOf(is.name)));
  }
  if (!isRegular(is.stat) || is.stat.size === 0) return true;
  if (is.stat.size > comparedMaxBytes) return false;
  const files: number[] = [];
  try {
    for (const { directory, name } of [was, is]) files.push(openat2(directory, pathOf(name), { flags }));
    return hasSameBytes(files[0] ?? -1, files[1] ?? -1);
  } finally {
    for (const fd of files) closeSync(fd);
  }
};

const flags = constants.O_RDONLY | constants.O_NONBLOCK | O_NOFOLLOW;

const hasSameBytes = (a: number, b: number): boolean => {
  const [pieceA, pieceB] = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)];
  for (let at = 0; ; at += pieceBytes) {
    const [countA, countB] = [readSync(a, pieceA, 0, pieceBytes, at), readSync(b, pieceB, 0, pieceBytes, at)];
    if (countA !== countB || pieceA.compare(pieceB, 0, countB, 0, countA) !== 0) return false;
    if (countA < pieceBytes) return true;
  }
};
