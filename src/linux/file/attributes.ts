import { closeSync } from "node:fs";
import { check, cString, libc } from "../ffi.ts";
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, O_NOFOLLOW, O_PATH } from "./flags.ts";
import { openat2, pathOf } from "./open.ts";
import type { Path } from "./open.ts";

const futimensCall = libc("futimens", ["int", "void *"]);
const utimensatCall = libc("utimensat", ["int", "str", "void *", "int"]);
const fchownatCall = libc("fchownat", ["int", "str", "uint", "uint", "int"]);
const chmodCall = libc("chmod", ["str", "uint"]);
const billion = 1_000_000_000n;
const UTIME_OMIT = (1n << 30n) - 2n;

/** Sets access and modification time in nanoseconds since the epoch, of a symlink itself too. Null leaves one. */
export const utimensat = (directory: number, path: Path, atimeNs: bigint | null, mtimeNs: bigint | null): void => {
  check(utimensatCall(directory, cString(path), timespecs(atimeNs, mtimeNs), AT_SYMLINK_NOFOLLOW), "utimensat", path);
};

/** The same for an open file (no O_PATH descriptor). */
export const futimens = (fd: number, atimeNs: bigint | null, mtimeNs: bigint | null): void => {
  check(futimensCall(fd, timespecs(atimeNs, mtimeNs)), "futimens");
};

/** Sets the owner of a file, of a symlink itself too; of the descriptor (O_PATH included) when `path` is "". */
export const fchownat = (directory: number, path: Path, uid: number, gid: number): void => {
  const flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  check(fchownatCall(directory, cString(path), uid, gid, flags), "fchownat", path);
};

/**
 * Sets permission bits of what is at a name of an open directory. fchmodat(2) would follow a symlink that somebody put
 * there a moment ago, so the name is opened first, as it is, and what was opened is changed.
 * @throws SystemError EOPNOTSUPP for a symlink: it has no mode of its own
 */
export const fchmodat = (directory: number, path: Path, mode: number): void => {
  const fd = openat2(directory, path, { flags: O_PATH | O_NOFOLLOW });
  try {
    chmodDescriptor(fd, mode);
  } finally {
    closeSync(fd);
  }
};

/** Sets the permission bits of what a descriptor is open on, O_PATH included. */
export const chmodDescriptor = (fd: number, mode: number): void => {
  check(chmodCall(pathOf(fd), mode), "chmod");
};

const timespecs = (...times: [bigint | null, bigint | null]): Buffer => {
  const buffer = Buffer.alloc(32);
  times.forEach((time, index) => {
    // Times before 1970 count nanoseconds upwards from the second below.
    const fraction = time === null ? UTIME_OMIT : ((time % billion) + billion) % billion;
    buffer.writeBigInt64LE(time === null ? 0n : (time - fraction) / billion, index * 16);
    buffer.writeBigInt64LE(fraction, index * 16 + 8);
  });
  return buffer;
};
