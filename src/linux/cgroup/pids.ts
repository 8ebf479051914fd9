import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { directoryOf } from "./layout.ts";
import type { CgroupLayout } from "./layout.ts";

/**
 * Lets a cgroup have as many processes as its parents. Without a pids controller there is no limit to take away.
 *
 * **Source:** Documentation/admin-guide/cgroup-v1/pids.rst.
 */
export const liftPidsLimit = (layout: CgroupLayout, path: string): void => {
  const directory = directoryOf(layout, path, "pids");
  if (directory !== null && layout.controllers.has("pids")) writeFileSync(join(directory, "pids.max"), "max");
};
