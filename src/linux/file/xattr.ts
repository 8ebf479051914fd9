import { isCode } from "../error.ts";
import { check, cString, lastErrno, libc } from "../ffi.ts";
import type { CType } from "../ffi.ts";
import { pathOf } from "./open.ts";
import type { Path } from "./open.ts";

/**
 * Extended attributes: of a path without following it when it is a symlink, or of what a descriptor (a number, O_PATH
 * included) is open on. Values are bytes.
 *
 * **Source:** xattr(7).
 */
type Target = Path | number;

// f…xattr refuses O_PATH descriptors; the descriptor's magic link in /proc takes every kind.
const family = (name: string, rest: CType[], result?: CType): Record<"path" | "fd", ReturnType<typeof libc>> => ({
  path: libc(`l${name}xattr`, ["str", ...rest], result),
  fd: libc(`${name}xattr`, ["str", ...rest], result),
});

const calls = {
  get: family("get", ["str", "void *", "size_t"], "long"),
  set: family("set", ["str", "void *", "size_t", "int"]),
  list: family("list", ["void *", "size_t"], "long"),
  remove: family("remove", ["str"]),
};

const ERANGE = 34;
const firstTryBytes = 256;
/** XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel. */
const maxBytes = 65_536;

const split = (target: Target): { kind: "path" | "fd"; argument: string | Buffer; path?: Path } =>
  typeof target === "number"
    ? { kind: "fd", argument: pathOf(target) }
    : { kind: "path", argument: cString(target), path: target };

/** Reads into a small buffer first and into the largest there can be when that was too small. */
const grow = (call: (buffer: Buffer) => number, name: string, path?: Path): Buffer => {
  const small = Buffer.allocUnsafe(firstTryBytes);
  const size = call(small);
  if (size >= 0) return Buffer.from(small.subarray(0, size));
  if (lastErrno() !== ERANGE) check(size, name, path);
  const large = Buffer.allocUnsafe(maxBytes);
  return Buffer.from(large.subarray(0, check(call(large), name, path)));
};

/** @throws SystemError ENODATA when there is no such attribute, EOPNOTSUPP where the filesystem has none. */
export const getxattr = (target: Target, name: string): Buffer => {
  const { kind, argument, path } = split(target);
  return grow((buffer) => calls.get[kind](argument, name, buffer, buffer.length), "getxattr", path);
};

/** Like `getxattr`, but null when there is no such attribute. */
export const findxattr = (target: Target, name: string): Buffer | null => {
  try {
    return getxattr(target, name);
  } catch (error) {
    if (isCode(error, "ENODATA", "EOPNOTSUPP", "ENOTSUP")) return null;
    throw error;
  }
};

export const setxattr = (target: Target, name: string, value: Uint8Array): void => {
  const { kind, argument, path } = split(target);
  check(calls.set[kind](argument, name, value, value.length, 0), "setxattr", path);
};

/** The names of all attributes; none where the filesystem has no attributes. */
export const listxattr = (target: Target): string[] => {
  const { kind, argument, path } = split(target);
  try {
    return names(grow((buffer) => calls.list[kind](argument, buffer, buffer.length), "listxattr", path));
  } catch (error) {
    if (isCode(error, "EOPNOTSUPP", "ENOTSUP")) return [];
    throw error;
  }
};

export const removexattr = (target: Target, name: string): void => {
  const { kind, argument, path } = split(target);
  check(calls.remove[kind](argument, name), "removexattr", path);
};

const names = (list: Buffer): string[] =>
  list.length === 0 ? [] : list.toString("utf8", 0, list.length - 1).split("\0");
