import { directoryOf } from "./layout.ts";
import type { CgroupLayout } from "./layout.ts";
import { readTable } from "./read.ts";

/**
 * How many processes of a cgroup (v2: and of those below it) the kernel killed for want of memory; 0 when the cgroup
 * is gone. **Source:** memory.oom_control (v1, Linux 4.13), memory.events (v2).
 */
export const oomKills = (layout: CgroupLayout, path: string): number => {
  const file = layout.version === 2 ? "memory.events" : "memory.oom_control";
  return readTable(directoryOf(layout, path, "memory"), file)["oom_kill"] ?? 0;
};
