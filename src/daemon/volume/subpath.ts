import { closeSync, lstatSync } from "node:fs";
import { messageOf, notFound } from "../../base/errors.ts";
import { isCode } from "../../linux/error.ts";
import { O_PATH } from "../../linux/file/flags.ts";
import { openDirectory, openInRoot } from "../../linux/file/open.ts";

/**
 * An O_PATH descriptor of what a subpath of a volume or image leads to. The kernel resolves it, never out of `root`. Use
 * the descriptor, not its path: whoever writes to the volume may put a symlink to the host there at any moment.
 * @throws EngineError not-found in Docker's words
 */
export const openSubpath = (root: string, subpath: string): number => {
  const directory = openDirectory(root);
  try {
    // Only named, not opened: a fifo would wait for its other end, a device would do what devices do.
    return openInRoot(directory, subpath, O_PATH);
  } catch (error) {
    if (!isCode(error, "ENOENT", "ENOTDIR")) throw error;
    throw notFound(`cannot access path ${root}/${subpath}: ${lstatWords(`${root}/${subpath}`)}`, error);
  } finally {
    closeSync(directory);
  }
};

/** Go's words for the first part of a path that is missing. */
const lstatWords = (path: string): string => {
  const parts = path.split("/");
  for (let count = 2; count <= parts.length; count++) {
    const prefix = parts.slice(0, count).join("/");
    try {
      lstatSync(prefix);
    } catch (error) {
      return `lstat ${prefix}: ${isCode(error, "ENOENT") ? "no such file or directory" : messageOf(error)}`;
    }
  }
  return "no such file or directory";
};
