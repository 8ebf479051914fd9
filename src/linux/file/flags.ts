import { constants } from "node:fs";

/**
 * Numbers of the kernel that `node:fs` does not export. Those of open(2) that differ between architectures are read
 * from Node. **Source:** fcntl.h, openat2.h, stat.h of the kernel's uapi.
 */
const { O_DIRECTORY, O_NOFOLLOW } = constants;

/** The directory a relative path starts from when no descriptor is given. */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;

export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
export { O_DIRECTORY, O_NOFOLLOW };

/** `resolve` of openat2. */
export const resolve = {
  noCrossDevice: 0x01,
  noMagicLinks: 0x02,
  noSymlinks: 0x04,
  beneath: 0x08,
  inRoot: 0x10,
} as const;

/** The file type in `st_mode`. */
export const fileType = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  regular: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
} as const;

export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;
