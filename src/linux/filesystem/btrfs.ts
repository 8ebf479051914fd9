import { isCode } from "../error.ts";
import { libcAsync } from "../ffi.ts";
import { ioctl, ioctlBehind, ioctlNumber } from "./ioctl.ts";

/**
 * Subvolumes, snapshots and quota groups of btrfs. Descriptors are of directories opened for reading. Numbers are of
 * subvolumes: 5 is the filesystem's own, those that are made begin at 256.
 *
 * **Source:** include/uapi/linux/btrfs.h, btrfs_tree.h; btrfs-ioctl(2).
 */
const magic = 0x94;
const argumentBytes = 4096;
const write = (number: number, sizeBytes: number): number => ioctlNumber("write", magic, number, sizeBytes);
const both = (number: number, sizeBytes: number): number => ioctlNumber("both", magic, number, sizeBytes);

const SUBVOL_CREATE = write(14, argumentBytes);
const SNAP_DESTROY = write(15, argumentBytes);
const TREE_SEARCH = both(17, argumentBytes);
const INO_LOOKUP = both(18, argumentBytes);
const SNAP_CREATE_V2 = write(23, argumentBytes);
const SUBVOL_SETFLAGS = write(26, 8);
const QUOTA_CTL = both(40, 16);
const QGROUP_CREATE = write(42, 16);
const QGROUP_LIMIT = ioctlNumber("read", magic, 43, 48);
const QUOTA_RESCAN_WAIT = ioctlNumber("none", magic, 46, 0);
const SNAP_DESTROY_V2 = write(63, argumentBytes);

const RDONLY = 1n << 1n;
const SPEC_BY_ID = 1n << 4n;
const firstFreeObject = 256n;
const rootTree = 1n;
const rootRefKey = 156;
const searchHeadBytes = 104;
const itemHeadBytes = 32;
const maxItems = 4096;
const LIMIT_MAX_RFER = 1n;
const ENABLE = 1n;
const uint64Max = 2n ** 64n - 1n;

/** In the structures of version 1 the name stands after a descriptor, in those of version 2 after flags too. */
const nameAt = { v1: 8, v2: 56 };

const named = (name: string, at: number, fd = 0): Buffer => {
  const bytes = Buffer.from(name);
  if (bytes.length === 0 || bytes.length > 255) throw new Error(`no name of a subvolume: ${JSON.stringify(name)}`);
  const argument = Buffer.alloc(argumentBytes);
  argument.writeBigInt64LE(BigInt(fd), 0);
  bytes.copy(argument, at);
  return argument;
};

/** Makes an empty subvolume in a directory. @throws SystemError EEXIST, ENOTTY where it is no btrfs */
export const createSubvolume = (directory: number, name: string): void => {
  ioctl(directory, SUBVOL_CREATE, named(name, nameAt.v1), "BTRFS_IOC_SUBVOL_CREATE", name);
};

/**
 * Makes a writable snapshot of the subvolume that `source` is open on; what is nested in it becomes empty directories.
 * What was written to it is on the disk first: 0.4 s after 400 MB were.
 */
export const createSnapshot = (source: number, directory: number, name: string): Promise<void> =>
  ioctlBehind(directory, SNAP_CREATE_V2, named(name, nameAt.v2, source), "BTRFS_IOC_SNAP_CREATE_V2", name);

/** Removes a subvolume in which no other one is nested; its space comes back behind this. */
export const destroySubvolume = (directory: number, name: string): void => {
  ioctl(directory, SNAP_DESTROY, named(name, nameAt.v1), "BTRFS_IOC_SNAP_DESTROY", name);
};

/** The same by its number, wherever in the filesystem it is: no path has to be followed. Linux 5.7. */
export const destroySubvolumeById = (fd: number, id: bigint): void => {
  const argument = Buffer.alloc(argumentBytes);
  argument.writeBigUInt64LE(SPEC_BY_ID, 16);
  argument.writeBigUInt64LE(id, nameAt.v2);
  ioctl(fd, SNAP_DESTROY_V2, argument, "BTRFS_IOC_SNAP_DESTROY_V2");
};

/** The number of the subvolume that a descriptor is in. */
export const subvolumeId = (fd: number): bigint => {
  const argument = Buffer.alloc(argumentBytes);
  argument.writeBigUInt64LE(firstFreeObject, 8);
  ioctl(fd, INO_LOOKUP, argument, "BTRFS_IOC_INO_LOOKUP");
  return argument.readBigUInt64LE(0);
};

/** The numbers of the subvolumes directly nested in one, at most a few dozen at a time: ask again when those are gone. */
export const nestedSubvolumes = (fd: number, id: bigint): bigint[] => {
  const argument = Buffer.alloc(argumentBytes);
  // Tree, objects from and to, offsets from and to, transactions from and to; then types from and to, number of items.
  [rootTree, id, id, 0n, uint64Max, 0n, uint64Max].forEach((value, index) =>
    argument.writeBigUInt64LE(value, index * 8),
  );
  [rootRefKey, rootRefKey, maxItems].forEach((value, index) => argument.writeUInt32LE(value, 56 + index * 4));
  ioctl(fd, TREE_SEARCH, argument, "BTRFS_IOC_TREE_SEARCH");
  const found: bigint[] = [];
  let at = searchHeadBytes;
  for (let count = argument.readUInt32LE(64); count > 0; count--) {
    const [object, offset] = [argument.readBigUInt64LE(at + 8), argument.readBigUInt64LE(at + 16)];
    if (object === id && argument.readUInt32LE(at + 24) === rootRefKey) found.push(offset);
    at += itemHeadBytes + argument.readUInt32LE(at + 28);
  }
  return found;
};

/** Whether anything in a subvolume can be changed, by whomever. */
export const setReadOnly = async (fd: number, readOnly: boolean): Promise<void> => {
  const argument = Buffer.alloc(8);
  argument.writeBigUInt64LE(readOnly ? RDONLY : 0n);
  await ioctlBehind(fd, SUBVOL_SETFLAGS, argument, "BTRFS_IOC_SUBVOL_SETFLAGS");
};

/** Turns quota groups on for the whole filesystem; counting what is there begins in the kernel. */
export const enableQuota = async (fd: number): Promise<void> => {
  const argument = Buffer.alloc(16);
  argument.writeBigUInt64LE(ENABLE);
  try {
    await ioctlBehind(fd, QUOTA_CTL, argument, "BTRFS_IOC_QUOTA_CTL");
  } catch (error) {
    // On already, or being turned on by another.
    if (!isCode(error, "EEXIST", "EINPROGRESS")) throw error;
  }
};

const waitCall = libcAsync("ioctl", ["int", "ulong", "void *"]);

/** Resolves when the kernel has counted what was there when quota groups were turned on; on a thread of libuv's pool. */
export const quotaCounted = async (fd: number): Promise<void> => {
  await waitCall(fd, QUOTA_RESCAN_WAIT, null);
};

/** Limits the bytes that a subvolume refers to, those that it shares included; 0 is no limit. @throws EDQUOT when it has more */
export const limitReferenced = (fd: number, id: bigint, bytes: number): void => {
  const argument = Buffer.alloc(48);
  argument.writeBigUInt64LE(id, 0);
  argument.writeBigUInt64LE(LIMIT_MAX_RFER, 8);
  argument.writeBigUInt64LE(bytes === 0 ? uint64Max : BigInt(bytes), 16);
  ioctl(fd, QGROUP_LIMIT, argument, "BTRFS_IOC_QGROUP_LIMIT");
};

/** Removes the quota group of a subvolume that is gone, where the kernel has not done so or will. */
export const removeQuotaGroup = (fd: number, id: bigint): void => {
  const argument = Buffer.alloc(16);
  argument.writeBigUInt64LE(id, 8);
  try {
    ioctl(fd, QGROUP_CREATE, argument, "BTRFS_IOC_QGROUP_CREATE");
  } catch (error) {
    if (!isCode(error, "ENOENT", "EBUSY", "EINVAL", "ENOTCONN")) throw error;
  }
};
