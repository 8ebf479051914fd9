import { closeSync } from "node:fs";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../../linux/file/flags.ts";
import { mkdirat, mknodat } from "../../../linux/file/make.ts";
import { openInRoot } from "../../../linux/file/open.ts";
import { isDirectory, isSymlink, readlinkat, statOf } from "../../../linux/file/stat.ts";
import type { Stat } from "../../../linux/file/stat.ts";
import { isCode, SystemError } from "../../../linux/error.ts";
import { fileType } from "../../../linux/file/flags.ts";
import { attachTree } from "../../../linux/mount/tree.ts";
import type { Owner } from "../../../linux/namespace/id-mapping.ts";
import { withFileOwner } from "../../../linux/process/file-owner.ts";
import { withMountNamespace } from "../../../linux/namespace/mount.ts";

/** Detached copies of a container's root and of what is mounted in it, made by `cloneTree` in the daemon's namespace. */
export interface Trees {
  root: number;
  /** Parents before what is mounted in them. */
  mounts: { tree: number; destination: string; readOnly: boolean }[];
}

export type Purpose = "stat" | "read" | "write";
export interface ViewRequest {
  trees: Trees;
  path: string;
  purpose: Purpose;
  /** In whose name missing mountpoints are made. */
  owner?: Owner | undefined;
}

export interface ViewAnswer {
  stat: Stat;
  linkTarget: string;
  /** For `read` and `write`: an O_PATH descriptor of the directory that `path` is, or (`read`) is in. */
  directory: number | null;
  /** Keeps the view alive; the last one to be closed. */
  namespace: number | null;
  /** What the directory is part of: the root, a volume, or a mount below a volume. */
  place: "root" | "volume" | "read-only volume";
}

/** As many symlinks as the kernel follows. */
const maxLinks = 40;
const ELOOP = 40;

/**
 * Shows a container's files as its processes see them, volumes included, in a mount namespace of its own, and looks up
 * one path. The kernel resolves every step from the container's root (openat2, RESOLVE_IN_ROOT without magic links),
 * the mountpoints too, and mounts by descriptor: a container that swaps directories and symlinks meanwhile can only
 * change which of its own files are met. Nothing of it is ever mounted where the host or the container could see it.
 *
 * Synchronous, for a worker thread. Closes the trees.
 *
 * @throws SystemError of the lookup; ENOENT when there is no such file.
 */
export const openView = ({ trees, path, purpose, owner }: ViewRequest): ViewAnswer => {
  try {
    return withMountNamespace((namespace) => {
      attachTree(trees.root, "/");
      withFileOwner(owner, () => {
        for (const { tree, destination } of trees.mounts) attachAt(trees.root, tree, destination);
      });
      const found = lookUp(trees, path, purpose);
      if (found.directory === null) closeSync(namespace);
      return { ...found, namespace: found.directory === null ? null : namespace };
    });
  } finally {
    closeSync(trees.root);
    for (const { tree } of trees.mounts) closeSync(tree);
  }
};

const attachAt = (root: number, tree: number, destination: string): void => {
  const target = openMountpoint(root, destination, isDirectory(statOf(tree)));
  try {
    attachTree(tree, target);
  } finally {
    closeSync(target);
  }
};

/** A mountpoint in the container, made when it is missing, as starting the container would. */
const openMountpoint = (root: number, path: string, directory: boolean): number => {
  try {
    return openInRoot(root, path, O_PATH);
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
  }
  const names = path.split("/").filter(Boolean);
  names.forEach((name, index) => {
    const parent = openInRoot(root, `/${names.slice(0, index).join("/")}`, O_PATH | O_DIRECTORY);
    try {
      if (index < names.length - 1 || directory) mkdirat(parent, name, 0o755);
      else mknodat(parent, name, fileType.regular | 0o644);
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
    } finally {
      closeSync(parent);
    }
  });
  return openInRoot(root, path, O_PATH);
};

const lookUp = (trees: Trees, path: string, purpose: Purpose): Omit<ViewAnswer, "namespace"> => {
  const absolute = path.startsWith("/") ? path : `/${path}`;
  const flags = purpose === "write" ? O_PATH : O_PATH | O_NOFOLLOW;
  const fd = openInRoot(trees.root, absolute, flags);
  let keep = false;
  try {
    const stat = statOf(fd);
    const linkTarget = isSymlink(stat) ? follow(trees.root, absolute) : "";
    const answer = { stat, linkTarget, directory: null, place: placeOf(trees, stat) };
    if (purpose === "stat" || (purpose === "write" && !isDirectory(stat))) return answer;
    keep = isDirectory(stat);
    return { ...answer, directory: keep ? fd : openParent(trees.root, absolute) };
  } finally {
    if (!keep) closeSync(fd);
  }
};

const openParent = (root: number, path: string): number =>
  openInRoot(root, path.slice(0, path.lastIndexOf("/") + 1), O_PATH | O_DIRECTORY);

/** The mount that a file was met on tells, whatever its path says by now. */
const placeOf = (trees: Trees, { mountId }: Stat): ViewAnswer["place"] => {
  if (statOf(trees.root).mountId === mountId) return "root";
  const mount = trees.mounts.find(({ tree }) => statOf(tree).mountId === mountId);
  return mount?.readOnly === true ? "read-only volume" : "volume";
};

/** Where a path leads with every symlink in it followed, as far as there is something. */
const follow = (root: number, path: string): string => {
  const pending = path.split("/").reverse();
  let resolved: string[] = [];
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      resolved.pop();
      continue;
    }
    const target = linkAt(root, `/${[...resolved, name].join("/")}`);
    if (target === null) {
      resolved.push(name);
      continue;
    }
    if (++links > maxLinks) throw new SystemError(ELOOP, "openat2", path);
    if (target.startsWith("/")) resolved = [];
    pending.push(...target.split("/").reverse());
  }
  return `/${resolved.join("/")}`;
};

/** The target of a symlink; null for anything else, and for nothing. */
const linkAt = (root: number, path: string): string | null => {
  try {
    const fd = openInRoot(root, path, O_PATH | O_NOFOLLOW);
    try {
      return isSymlink(statOf(fd)) ? readlinkat(fd, "").toString() : null;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
};
