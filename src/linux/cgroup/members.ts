import { readdirSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import { isCode } from "../error.ts";
import { allDirectories, directoryOf } from "./layout.ts";
import type { CgroupLayout } from "./layout.ts";
import { readText } from "./read.ts";

/** Hierarchies a runtime puts every process into, the surest first. */
const preferred = ["pids", "memory", "freezer", "cpu", "devices", "name=systemd"];
/** Deeper trees than this are not of a runtime's making. */
const maxDepth = 16;

/** The processes of a cgroup and of all below it, ascending; none when it is gone. */
export const members = (layout: CgroupLayout, path: string): number[] => {
  const controller = preferred.find((name) => layout.roots.has(name)) ?? "";
  const directory = directoryOf(layout, path, controller);
  if (directory === null) return [];
  const pids = new Set(
    tree(directory).flatMap((each) => (readText(each, "cgroup.procs") ?? "").split("\n").filter(Boolean).map(Number)),
  );
  // 0 stands for a process of another pid namespace.
  return [...pids].filter((pid) => pid > 0).sort((a, b) => a - b);
};

/**
 * Removes a cgroup and all below it, in every hierarchy. What is gone already is nothing to do. The kernel takes 0.2 ms
 * for each, on a thread of libuv's pool.
 * @throws SystemError-like EBUSY while a process is in it.
 */
export const remove = async (layout: CgroupLayout, path: string): Promise<void> => {
  // The roots hold the whole machine.
  if (join("/", path) === "/") throw new RangeError("the root cgroup cannot be removed");
  for (const directory of allDirectories(layout, path)) {
    // oxlint-disable-next-line no-await-in-loop -- more threads would only wait for one lock
    await removeTree(directory);
  }
};

/** Most have nothing below them, which asking would take longer than trying. */
const removeTree = async (directory: string): Promise<void> => {
  try {
    await rmdir(directory);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    const [, ...below] = tree(directory);
    if (!isCode(error, "EBUSY", "ENOTEMPTY") || below.length === 0) throw error;
    // oxlint-disable-next-line no-await-in-loop -- children first
    for (const each of below.toReversed()) await rmdir(each).catch(ignoreMissing);
    await rmdir(directory).catch(ignoreMissing);
  }
};

const ignoreMissing = (error: unknown): void => {
  if (!isCode(error, "ENOENT")) throw error;
};

/** A directory and all below it, parents first. */
const tree = (directory: string, depth = 0): string[] => {
  if (depth > maxDepth) return [];
  try {
    const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [directory, ...below.flatMap((entry) => tree(join(directory, entry.name), depth + 1))];
  } catch (error) {
    if (isCode(error, "ENOENT", "ENODEV")) return [];
    throw error;
  }
};
