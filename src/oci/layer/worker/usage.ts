import { closeSync } from "node:fs";
import { O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { openDirectory, openat2 } from "../../../linux/file/open.ts";
import { isDirectory, statat } from "../../../linux/file/stat.ts";
import { isCode } from "../../../linux/error.ts";
import { changeKinds } from "../changes/change.ts";
import { treeChanges, type TreeKind } from "../changes/trees.ts";
import { namesIn } from "../extract/remove.ts";
import { pathOf } from "../tar/entry.ts";

/** Bytes of everything below a directory that is no directory, each file once, as Docker counts. */
export const usageOf = (path: string): number => {
  const seen = new Set<string>();
  const walk = (directory: number): number => {
    let sum = 0;
    for (const name of namesIn(directory)) {
      try {
        const stat = statat(directory, pathOf(name));
        if (isDirectory(stat)) sum += within(directory, name);
        else if (stat.nlink === 1) sum += stat.size;
        else if (!seen.has(`${stat.dev.major}:${stat.dev.minor}:${stat.ino}`)) {
          seen.add(`${stat.dev.major}:${stat.dev.minor}:${stat.ino}`);
          sum += stat.size;
        }
      } catch (error) {
        // A tree in use: what is gone counts nothing.
        if (!isCode(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
      }
    }
    return sum;
  };
  const within = (parent: number, name: string): number => {
    const directory = openat2(parent, pathOf(name), { flags: O_DIRECTORY | O_NOFOLLOW });
    try {
      return walk(directory);
    } finally {
      closeSync(directory);
    }
  };
  const root = openDirectory(path);
  try {
    return walk(root);
  } finally {
    closeSync(root);
  }
};

/** Bytes of what a full copy of a tree has added and modified. */
export const changedBytes = (old: string, path: string, kind: TreeKind): number => {
  const root = openDirectory(path);
  try {
    let sum = 0;
    const seen = new Set<string>();
    for (const change of treeChanges(old, path, kind)) {
      if (change.kind === changeKinds.deleted) continue;
      const stat = statat(root, pathOf(change.path));
      if (isDirectory(stat)) continue;
      const key = `${stat.dev.major}:${stat.dev.minor}:${stat.ino}`;
      if (stat.nlink > 1 && seen.has(key)) continue;
      if (stat.nlink > 1) seen.add(key);
      sum += stat.size;
    }
    return sum;
  } finally {
    closeSync(root);
  }
};
