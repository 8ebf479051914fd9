import { check, cString, lastErrno, libc } from "../ffi.ts";
import { AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW } from "./flags.ts";
import { pathOf } from "./open.ts";
import type { Path } from "./open.ts";

const mknodatCall = libc("mknodat", ["int", "str", "uint", "ulong"]);
const mkdiratCall = libc("mkdirat", ["int", "str", "uint"]);
const symlinkatCall = libc("symlinkat", ["str", "int", "str"]);
const linkatCall = libc("linkat", ["int", "str", "int", "str", "int"]);
const unlinkatCall = libc("unlinkat", ["int", "str", "int"]);
const renameat2Call = libc("renameat2", ["int", "str", "int", "str", "uint"]);

const EEXIST = 17;

/** A device number in the form of the kernel's `dev_t`. **Source:** makedev(3). */
export const makeDevice = (major: number, minor: number): bigint => {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn);
};

/** Makes a device node, fifo, socket or regular file; `mode` holds the type (`fileType`) and the permission bits. */
export const mknodat = (directory: number, path: Path, mode: number, device = 0n): void => {
  check(mknodatCall(directory, cString(path), mode, device), "mknodat", path);
};

export const mkdirat = (directory: number, path: Path, mode: number): void => {
  check(mkdiratCall(directory, cString(path), mode), "mkdirat", path);
};

/** The same; false when the name is taken, which costs less than an error. */
export const tryMkdirat = (directory: number, path: Path, mode: number): boolean => {
  const result = mkdiratCall(directory, cString(path), mode);
  if (result < 0 && lastErrno() === EEXIST) return false;
  check(result, "mkdirat", path);
  return true;
};

export const symlinkat = (target: Path, directory: number, path: Path): void => {
  check(symlinkatCall(cString(target), directory, cString(path)), "symlinkat", path);
};

/** A further name for a file; a symlink at `from` is itself linked, never followed. */
export const linkat = (fromDirectory: number, from: Path, directory: number, path: Path): void => {
  check(linkatCall(fromDirectory, cString(from), directory, cString(path), 0), "linkat", path);
};

/** A name for the file that a descriptor is open on, also when that is an O_PATH or O_TMPFILE descriptor. */
export const linkDescriptor = (fd: number, directory: number, path: Path): void => {
  check(linkatCall(AT_FDCWD, pathOf(fd), directory, cString(path), AT_SYMLINK_FOLLOW), "linkat", path);
};

/** Removes a name. `directory: true` for an empty directory. */
export const unlinkat = (directory: number, path: Path, options: { directory?: boolean } = {}): void => {
  check(unlinkatCall(directory, cString(path), options.directory === true ? AT_REMOVEDIR : 0), "unlinkat", path);
};

/** Renames; `flags` of RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT. **Source:** rename(2). */
export const renameat2 = (fromDirectory: number, from: Path, directory: number, path: Path, flags = 0): void => {
  check(renameat2Call(fromDirectory, cString(from), directory, cString(path), flags), "renameat2", path);
};
