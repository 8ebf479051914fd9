import { closeSync, constants } from "node:fs";
import { isCode } from "../../linux/error.ts";
import { fchmodat } from "../../linux/file/attributes.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../linux/file/flags.ts";
import { mkdirat, symlinkat } from "../../linux/file/make.ts";
import { openDirectory, openInRoot, openat2 } from "../../linux/file/open.ts";

type Kind = "directory" | "file" | { link: string };

/**
 * What every container finds in its root although its image may not have it: the places that the engine mounts on.
 * They come from a layer below the container's own, so `docker diff` does not show them.
 *
 * **Source:** Docker's initlayer.Setup.
 */
const entries: readonly [directory: string, name: string, kind: Kind][] = [
  ["/dev", "pts", "directory"],
  ["/dev", "shm", "directory"],
  ["/dev", "console", "file"],
  ["/", "proc", "directory"],
  ["/", "sys", "directory"],
  ["/", ".dockerenv", "file"],
  ["/etc", "resolv.conf", "file"],
  ["/etc", "hosts", "file"],
  ["/etc", "hostname", "file"],
  ["/etc", "mtab", { link: "/proc/mounts" }],
];

const mode = 0o755;

/**
 * Makes in a mounted root what is missing. The image is hostile: every path is resolved inside the root, and where it
 * has something else in the way, nothing is made; the start of the container tells.
 */
export const fillInitLayer = (path: string): void => {
  const root = openDirectory(path);
  try {
    for (const [directory, name, kind] of entries) {
      const parent = openParent(root, directory);
      if (parent === null) continue;
      try {
        make(parent, name, kind);
      } finally {
        closeSync(parent);
      }
    }
  } finally {
    closeSync(root);
  }
};

const openParent = (root: number, path: string): number | null => {
  const open = (): number => openInRoot(root, path, O_PATH | O_DIRECTORY);
  try {
    return open();
  } catch (error) {
    if (!isCode(error, "ENOENT")) return null;
  }
  try {
    mkdirat(root, path.slice(1), mode);
    fchmodat(root, path.slice(1), mode);
    return open();
  } catch {
    return null;
  }
};

const make = (directory: number, name: string, kind: Kind): void => {
  try {
    if (kind === "directory") {
      mkdirat(directory, name, mode);
      fchmodat(directory, name, mode);
    } else if (kind === "file") {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | O_NOFOLLOW;
      closeSync(openat2(directory, name, { flags, mode }));
      fchmodat(directory, name, mode);
    } else symlinkat(kind.link, directory, name);
  } catch (error) {
    // The image has it.
    if (!isCode(error, "EEXIST")) throw error;
  }
};
