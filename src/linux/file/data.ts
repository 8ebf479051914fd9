import { isCode } from "../error.ts";
import { check, libc } from "../ffi.ts";

const copyFileRangeCall = libc("copy_file_range", ["int", "void *", "int", "void *", "size_t", "uint"], "long");
const fallocateCall = libc("fallocate", ["int", "int", "int64", "int64"]);
const lseekCall = libc("lseek", ["int", "int64", "int"], "int64");
const ioctlCall = libc("ioctl", ["int", "ulong", "int"]);
const flockCall = libc("flock", ["int", "int"]);
const syncfsCall = libc("syncfs", ["int"]);

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const FICLONE = 0x40049409;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** Copies inside the kernel from both files' positions. @returns bytes copied, 0 at the end of the source. */
export const copyFileRange = (from: number, to: number, size: number): number =>
  check(copyFileRangeCall(from, null, to, null, size, 0), "copy_file_range");

/** Frees the blocks of a part of a file; it reads as zeros from then on, the size stays. */
export const punchHole = (fd: number, offset: number, size: number): void => {
  check(fallocateCall(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size), "fallocate");
};

/** Makes `to` share all blocks of `from`. @returns false where the filesystem cannot. */
export const reflink = (from: number, to: number): boolean => {
  try {
    check(ioctlCall(to, FICLONE, from), "ioctl");
    return true;
  } catch (error) {
    if (isCode(error, "EOPNOTSUPP", "ENOTSUP", "EXDEV", "EINVAL", "ENOTTY")) return false;
    throw error;
  }
};

/** The first byte of data, or of a hole, at or after `offset`; null when there is none. */
const seek = (fd: number, offset: number, whence: number): number | null => {
  try {
    return Number(check(lseekCall(fd, offset, whence), "lseek"));
  } catch (error) {
    if (isCode(error, "ENXIO")) return null;
    throw error;
  }
};
export const seekData = (fd: number, offset: number): number | null => seek(fd, offset, SEEK_DATA);
export const seekHole = (fd: number, offset: number): number | null => seek(fd, offset, SEEK_HOLE);

/** Takes a lock on an open file without waiting. @returns false when another holds it. **Source:** flock(2). */
export const tryLock = (fd: number, options: { shared?: boolean } = {}): boolean => {
  try {
    check(flockCall(fd, (options.shared === true ? LOCK_SH : LOCK_EX) | LOCK_NB), "flock");
    return true;
  } catch (error) {
    if (isCode(error, "EAGAIN", "EWOULDBLOCK")) return false;
    throw error;
  }
};

export const unlock = (fd: number): void => {
  check(flockCall(fd, LOCK_UN), "flock");
};

/** Writes everything of the filesystem that `fd` is on to its disk. It blocks the caller: use it in a worker. */
export const syncfs = (fd: number): void => {
  check(syncfsCall(fd), "syncfs");
};
