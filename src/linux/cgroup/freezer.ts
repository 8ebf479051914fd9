import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SystemError } from "../error.ts";
import { directoryOf } from "./layout.ts";
import type { CgroupLayout } from "./layout.ts";
import { readTable, readText } from "./read.ts";

export type FreezerState = "frozen" | "freezing" | "thawed";

/** @returns null when there is no such cgroup, or no freezer. **Source:** freezer-subsystem.rst, cgroup-v2.rst. */
export const freezerState = (layout: CgroupLayout, path: string): FreezerState | null => {
  const directory = directoryOf(layout, path, "freezer");
  if (layout.version === 2) {
    const wanted = readText(directory, "cgroup.freeze");
    if (wanted === null) return null;
    if (readTable(directory, "cgroup.events")["frozen"] === 1) return "frozen";
    return wanted === "1" ? "freezing" : "thawed";
  }
  const state = readText(directory, "freezer.state")?.toLowerCase();
  return state === "frozen" || state === "freezing" || state === "thawed" ? state : null;
};

/** Asks the kernel to stop every process of a cgroup; `freezerState` tells when it has. */
export const freeze = (layout: CgroupLayout, path: string): void => write(layout, path, "FROZEN", "1");

export const thaw = (layout: CgroupLayout, path: string): void => write(layout, path, "THAWED", "0");

const ENOENT = 2;

const write = (layout: CgroupLayout, path: string, v1: string, v2: string): void => {
  const directory = directoryOf(layout, path, "freezer");
  if (directory === null) throw new SystemError(ENOENT, "open", path, "no freezer is mounted");
  const [name, value] = layout.version === 2 ? ["cgroup.freeze", v2] : ["freezer.state", v1];
  writeFileSync(join(directory, name), value);
};
