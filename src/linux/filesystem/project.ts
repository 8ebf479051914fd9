import { codeOf, isCode, SystemError } from "../error.ts";
import { check, syscall } from "../ffi.ts";
import { ioctl, ioctlNumber } from "./ioctl.ts";

/**
 * Project quota of xfs and ext4: every file has a project's number, which it takes from its directory, and each project
 * has a limit. Descriptors are of directories opened for reading.
 *
 * **Source:** ioctl_fsgetxattr(2), quotactl(2), include/uapi/linux/dqblk_xfs.h. The X calls work on both filesystems.
 */
const attributeBytes = 28;
const FSGETXATTR = ioctlNumber("read", 0x58, 31, attributeBytes);
const FSSETXATTR = ioctlNumber("write", 0x58, 32, attributeBytes);
const PROJINHERIT = 0x200;

const quotactlFd = syscall(443, ["int", "uint", "uint", "void *"]);
const PRJQUOTA = 2;
const command = (number: number): number => ((0x58 << 8) + number) * 2 ** 8 + PRJQUOTA;
const X_GETQUOTA = command(3);
const X_SETQLIM = command(4);
const quotaBytes = 112;
const version = 1;
const PROJECT = 2;
const BLOCK_SOFT = 4;
const BLOCK_HARD = 8;
const basicBlockBytes = 512;

/** What a project may use and uses, bytes; a limit of 0 is none. */
export interface ProjectUsage {
  limitBytes: number;
  usedBytes: number;
}

const attributes = (fd: number): Buffer => {
  const buffer = Buffer.alloc(attributeBytes);
  ioctl(fd, FSGETXATTR, buffer, "FS_IOC_FSGETXATTR");
  return buffer;
};

/** The project that a directory's files are counted for; 0 is the one of all that have none. */
export const projectOf = (fd: number): number => attributes(fd).readUInt32LE(12);

/** Gives an empty directory a project, which everything made in it inherits. @throws SystemError EOPNOTSUPP, ENOTTY */
export const setProject = (fd: number, project: number): void => {
  const buffer = attributes(fd);
  buffer.writeUInt32LE((buffer.readUInt32LE(0) | PROJINHERIT) >>> 0, 0);
  buffer.writeUInt32LE(project, 12);
  ioctl(fd, FSSETXATTR, buffer, "FS_IOC_FSSETXATTR");
};

const quotactl = (fd: number, number: number, project: number, argument: Buffer): void => {
  check(quotactlFd(fd, number, project, argument), "quotactl_fd");
};

/**
 * What a project uses on the filesystem of `fd`; zeros for one that nothing was ever counted for.
 * @throws SystemError ENOSYS, ESRCH, EINVAL … where project quota cannot be had: see `lacksProjectQuota`
 */
export const projectUsage = (fd: number, project: number): ProjectUsage => {
  const argument = Buffer.alloc(quotaBytes);
  try {
    quotactl(fd, X_GETQUOTA, project, argument);
  } catch (error) {
    if (isCode(error, "ENOENT")) return { limitBytes: 0, usedBytes: 0 };
    throw error;
  }
  return decodeQuota(argument);
};

/** Limits what a project may use on the filesystem of `fd`; 0 takes the limit away. */
export const setProjectLimit = (fd: number, project: number, bytes: number): void => {
  quotactl(fd, X_SETQLIM, project, encodeLimit(project, bytes));
};

/** The kernel's fs_disk_quota that sets both block limits of a project. */
export const encodeLimit = (project: number, bytes: number): Buffer => {
  const argument = Buffer.alloc(quotaBytes);
  argument.writeInt8(version, 0);
  argument.writeInt8(PROJECT, 1);
  argument.writeUInt16LE(BLOCK_HARD | BLOCK_SOFT, 2);
  argument.writeUInt32LE(project, 4);
  const blocks = BigInt(Math.ceil(bytes / basicBlockBytes));
  argument.writeBigUInt64LE(blocks, 8);
  argument.writeBigUInt64LE(blocks, 16);
  return argument;
};

/** Limit and use from the kernel's fs_disk_quota. */
export const decodeQuota = (argument: Buffer): ProjectUsage => ({
  limitBytes: Number(argument.readBigUInt64LE(8)) * basicBlockBytes,
  usedBytes: Number(argument.readBigUInt64LE(40)) * basicBlockBytes,
});

/** Whether an error says that kernel, filesystem or mount have no project quota. */
export const lacksProjectQuota = (error: unknown): error is SystemError =>
  error instanceof SystemError &&
  ["ENOSYS", "ESRCH", "EINVAL", "ENOTTY", "EOPNOTSUPP", "ENOTSUP", "ENODEV", "ENOTBLK"].includes(codeOf(error) ?? "");
