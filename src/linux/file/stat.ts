import { check, cString, libc } from "../ffi.ts";
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, fileType } from "./flags.ts";
import type { Path } from "./open.ts";

/** What statx tells about a file. Times are nanoseconds since the epoch; `mode` holds type and permission bits. */
export interface Stat {
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  ino: bigint;
  size: number;
  /** Of 512 bytes. */
  blocks: number;
  dev: { major: number; minor: number };
  /** Of the device that a device node stands for. */
  rdev: { major: number; minor: number };
  mountId: bigint;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
}

const statxCall = libc("statx", ["int", "str", "int", "uint", "void *"]);
const readlinkatCall = libc("readlinkat", ["int", "str", "void *", "size_t"], "long");
const statxBytes = 256;
const basicStatsAndMountId = 0x7ff | 0x1000;
/** The kernel holds no longer link target (PATH_MAX). */
const maxLinkBytes = 4096;

/** The file at `path`, without following it when it is a symlink; of the descriptor itself when `path` is "". */
export const statat = (directory: number, path: Path): Stat => {
  const buffer = Buffer.allocUnsafe(statxBytes);
  const flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  check(statxCall(directory, cString(path), flags, basicStatsAndMountId, buffer), "statx", path);
  return decode(buffer);
};

/** The file that a descriptor is open on, O_PATH included. */
export const statOf = (fd: number): Stat => statat(fd, "");

/** The target of a symlink as bytes; of the descriptor itself (O_PATH|O_NOFOLLOW) when `path` is "". */
export const readlinkat = (directory: number, path: Path): Buffer => {
  const buffer = Buffer.allocUnsafe(maxLinkBytes);
  const length = check(readlinkatCall(directory, cString(path), buffer, buffer.length), "readlinkat", path);
  return Buffer.from(buffer.subarray(0, length));
};

const typeIs =
  (type: number) =>
  (stat: { mode: number }): boolean =>
    (stat.mode & fileType.mask) === type;
export const isDirectory = typeIs(fileType.directory);
export const isRegular = typeIs(fileType.regular);
export const isSymlink = typeIs(fileType.symlink);

const decode = (b: Buffer): Stat => ({
  nlink: b.readUInt32LE(16),
  uid: b.readUInt32LE(20),
  gid: b.readUInt32LE(24),
  mode: b.readUInt16LE(28),
  ino: b.readBigUInt64LE(32),
  size: Number(b.readBigUInt64LE(40)),
  blocks: Number(b.readBigUInt64LE(48)),
  atimeNs: time(b, 64),
  ctimeNs: time(b, 96),
  mtimeNs: time(b, 112),
  rdev: { major: b.readUInt32LE(128), minor: b.readUInt32LE(132) },
  dev: { major: b.readUInt32LE(136), minor: b.readUInt32LE(140) },
  mountId: b.readBigUInt64LE(144),
});

const time = (b: Buffer, at: number): bigint => b.readBigInt64LE(at) * 1_000_000_000n + BigInt(b.readUInt32LE(at + 8));
