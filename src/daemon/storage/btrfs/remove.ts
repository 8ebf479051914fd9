import { closeSync, constants, openSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { statOf } from "../../../linux/file/stat.ts";
import {
  destroySubvolume,
  destroySubvolumeById,
  nestedSubvolumes,
  removeQuotaGroup,
  subvolumeId,
} from "../../../linux/filesystem/btrfs.ts";

/** The inode number of each subvolume's root directory. */
const rootInode = 256n;

/**
 * Removes a subvolume with all that a container made inside it. Those are found and removed by number: their names and
 * the paths to them are a container's.
 *
 * @returns false when there is none at `path`
 */
export const removeSubvolume = (directory: number, path: string, name: string): boolean => {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (isCode(error, "ENOENT")) return false;
    throw error;
  }
  try {
    if (statOf(fd).ino !== rootInode) return false;
    const id = subvolumeId(fd);
    removeNested(fd, id);
    destroySubvolume(directory, name);
    removeQuotaGroup(directory, id);
  } finally {
    closeSync(fd);
  }
  return true;
};

/** The innermost first, however deep they are. */
const removeNested = (fd: number, outermost: bigint): void => {
  const path = [outermost];
  for (let innermost = path.at(-1); innermost !== undefined; innermost = path.at(-1)) {
    const [inner] = nestedSubvolumes(fd, innermost);
    if (inner !== undefined) {
      path.push(inner);
      continue;
    }
    path.pop();
    if (innermost === outermost) return;
    destroySubvolumeById(fd, innermost);
    removeQuotaGroup(fd, innermost);
  }
};
