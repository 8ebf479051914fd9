import { constants } from "node:fs";
import { check, cString, lastErrno, libc, syscall } from "../ffi.ts";
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, resolve as resolveFlags } from "./flags.ts";

/** A path as a JS string, or as bytes when it is no UTF-8. */
export type Path = string | Uint8Array;

export interface OpenHow {
  /** O_…; O_CLOEXEC is always added. */
  flags: number;
  /** Permission bits of a file that O_CREAT makes. */
  mode?: number;
  /** Sum of `resolve` flags. */
  resolve?: number;
}

const openatCall = libc("openat", ["int", "str", "int", "uint"]);
const openat2Call = syscall(437, ["int", "str", "void *", "size_t"]);
const howBytes = 24;
const EAGAIN = 11;
const EINTR = 4;
const ENOENT = 2;
const EEXIST = 17;
/** A file that exists, or a symlink, is never opened by these. */
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | O_NOFOLLOW | O_CLOEXEC;
/** How often a lookup is begun again that the kernel gave up because the tree was being renamed. */
const maxAttempts = 128;

/**
 * Opens a path relative to a directory, under the given rules of resolution.
 *
 * @throws SystemError: ELOOP for a symlink or magic link that `resolve` forbids, EXDEV for a path that leaves; EAGAIN
 * when a tree that is being renamed kept the kernel from deciding `maxAttempts` times.
 *
 * **Source:** openat2(2).
 */
export const openat2 = (directory: number, path: Path, how: OpenHow): number =>
  check(attempt(directory, path, how), "openat2", path);

/** The same, but null when there is nothing of that name, which costs less than an error. */
export const findOpenat2 = (directory: number, path: Path, how: OpenHow): number | null => {
  const fd = attempt(directory, path, how);
  return fd < 0 && lastErrno() === ENOENT ? null : check(fd, "openat2", path);
};

const attempt = (directory: number, path: Path, how: OpenHow): number => {
  const buffer = Buffer.allocUnsafe(howBytes).fill(0);
  // The kernel's numbers have 64 bits; all flags fit in 32.
  buffer.writeUInt32LE((how.flags | O_CLOEXEC) >>> 0, 0);
  buffer.writeUInt32LE(how.mode ?? 0, 8);
  buffer.writeUInt32LE(how.resolve ?? 0, 16);
  const name = cString(path);
  for (let count = 1; ; count++) {
    const fd = openat2Call(directory, name, buffer, howBytes);
    if (fd >= 0) return fd;
    const errno = lastErrno();
    if ((errno !== EAGAIN && errno !== EINTR) || count === maxAttempts) return fd;
  }
};

/** Makes a regular file at one name (no path) of an open directory, for writing. @returns null when the name is taken. */
export const createFile = (directory: number, name: Path, mode: number): number | null => {
  const fd = openatCall(directory, cString(name), newFile, mode);
  return fd < 0 && lastErrno() === EEXIST ? null : check(fd, "openat", name);
};

/**
 * Opens a path as the processes in a container see it: `root` is "/", absolute symlinks and ".." stay inside, magic
 * links (/proc/self/root, /proc/self/fd/N) are refused. The kernel decides, so nothing can be swapped in between.
 */
export const openInRoot = (root: number, path: Path, flags: number, mode?: number): number =>
  openat2(root, path, {
    flags,
    ...(mode === undefined ? {} : { mode }),
    resolve: resolveFlags.inRoot | resolveFlags.noMagicLinks,
  });

/** A descriptor that only names a directory of the host: a start for the `…at` calls. */
export const openDirectory = (path: Path): number => openat2(-100, path, { flags: O_PATH | O_DIRECTORY });

/** A path to whatever a descriptor is open on, for `node:fs` functions that take no directory descriptor. */
export const pathOf = (fd: number): string => `/proc/self/fd/${fd}`;
