import { directoryOf } from "./layout.ts";
import type { CgroupLayout } from "./layout.ts";
import { usageV1 } from "./usage-v1.ts";
import { usageV2 } from "./usage-v2.ts";

/** One counter of block I/O. `op` is the kernel's word on v1 ("Read"), "read" or "write" on v2, "" where there is none. */
export interface IoEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** What a cgroup used, in one shape for both versions; null where the version or the kernel has no such counter. */
export interface CgroupUsage {
  version: 1 | 2;
  cpu: {
    totalNs: number;
    userNs: number;
    kernelNs: number;
    /** v1 only. */
    perCpuNs: number[] | null;
    periods: number;
    throttledPeriods: number;
    throttledNs: number;
  };
  memory: {
    usageBytes: number;
    maxUsageBytes: number | null;
    /** Null without a limit. */
    limitBytes: number | null;
    /** How often the limit was hit (v1: failcnt, v2: events.max). */
    failures: number | null;
    /** Every line of memory.stat. */
    stat: Record<string, number>;
  };
  io: {
    serviceBytes: IoEntry[];
    /** Operations. */
    serviced: IoEntry[];
  };
  pids: { current: number; limit: number | null };
}

/** @returns null when there is no such cgroup (any more). */
export const usage = (layout: CgroupLayout, path: string): CgroupUsage | null =>
  layout.version === 2
    ? usageV2(directoryOf(layout, path, ""))
    : usageV1((controller) => directoryOf(layout, path, controller));
