import { closeSync, constants, readSync } from "node:fs";
import { invalidParameter } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { openDirectory, openInRoot } from "../../../linux/file/open.ts";
import { isRegular, statOf } from "../../../linux/file/stat.ts";
import type { UserDatabase } from "./lookup.ts";

/** The largest /etc/passwd or /etc/group of a container that is read (CVE-2026-47262). */
export const maxUserFileBytes = 4 * 1024 * 1024;

/**
 * Reads the user database of a root filesystem. The kernel resolves the paths inside `rootfs`, whatever symlinks the
 * image holds; only regular files of a bounded size are read.
 *
 * @throws EngineError invalid-parameter for a file that is too large or none.
 */
export const readUserDatabase = (rootfs: string): UserDatabase => {
  const root = openDirectory(rootfs);
  try {
    return { passwd: readText(root, "/etc/passwd"), group: readText(root, "/etc/group") };
  } finally {
    closeSync(root);
  }
};

const readText = (root: number, path: string): string => {
  let fd: number;
  try {
    fd = openInRoot(root, path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return "";
    throw invalidParameter(`unable to open ${path} of the container`, error);
  }
  try {
    const stat = statOf(fd);
    if (!isRegular(stat)) throw invalidParameter(`${path} of the container is not a regular file`);
    const buffer = Buffer.allocUnsafe(Math.min(stat.size, maxUserFileBytes) + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(fd, buffer, length, buffer.length - length, null);
    }
    if (length > maxUserFileBytes)
      throw invalidParameter(`${path} of the container is larger than ${maxUserFileBytes} bytes`);
    return buffer.toString("utf8", 0, length);
  } finally {
    closeSync(fd);
  }
};
