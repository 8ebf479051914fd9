import { readdirSync, rmdirSync } from "node:fs";
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
 * Removes a cgroup and all below it, in every hierarchy. What is gone already is nothing to do.
 * @throws SystemError-like EBUSY while a process is in it.
 */
export const remove = (layout: CgroupLayout, path: string): void => {
  // The roots hold the whole machine.
  if (join("/", path) === "/") throw new RangeError("the root cgroup cannot be removed");
  for (const directory of allDirectories(layout, path))
    for (const each of tree(directory).toReversed()) removeOne(each);
};

const removeOne = (directory: string): void => {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
  }
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
