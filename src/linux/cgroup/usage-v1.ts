import { readNumber, readTable, readText } from "./read.ts";
import type { CgroupUsage, IoEntry } from "./usage.ts";

/** cpuacct.stat counts in USER_HZ, which is 100 on every architecture that Linux shows to user space. */
const nsPerTick = 10_000_000;
/** "No limit" is the largest multiple of a page that fits in an int64. */
const unlimited = 2 ** 62;

/** **Source:** Documentation/admin-guide/cgroup-v1/{cpuacct,memory,blkio-controller,pids}.rst. */
export const usageV1 = (directory: (controller: string) => string | null): CgroupUsage | null => {
  const [memory, cpu, cpuacct, pids, blkio] = ["memory", "cpu", "cpuacct", "pids", "blkio"].map(directory);
  const usageBytes = readNumber(memory ?? null, "memory.usage_in_bytes");
  const totalNs = readNumber(cpuacct ?? null, "cpuacct.usage");
  if (usageBytes === null && totalNs === null) return null;
  const ticks = readTable(cpuacct ?? null, "cpuacct.stat");
  const throttling = readTable(cpu ?? null, "cpu.stat");
  const limitBytes = readNumber(memory ?? null, "memory.limit_in_bytes");
  return {
    version: 1,
    cpu: {
      totalNs: totalNs ?? 0,
      userNs: (ticks["user"] ?? 0) * nsPerTick,
      kernelNs: (ticks["system"] ?? 0) * nsPerTick,
      perCpuNs: (readText(cpuacct ?? null, "cpuacct.usage_percpu") ?? "").split(" ").filter(Boolean).map(Number),
      periods: throttling["nr_periods"] ?? 0,
      throttledPeriods: throttling["nr_throttled"] ?? 0,
      throttledNs: throttling["throttled_time"] ?? 0,
    },
    memory: {
      usageBytes: usageBytes ?? 0,
      maxUsageBytes: readNumber(memory ?? null, "memory.max_usage_in_bytes"),
      limitBytes: limitBytes === null || limitBytes > unlimited ? null : limitBytes,
      failures: readNumber(memory ?? null, "memory.failcnt"),
      stat: readTable(memory ?? null, "memory.stat"),
    },
    io: {
      serviceBytes: entries(blkio ?? null, "io_service_bytes"),
      serviced: entries(blkio ?? null, "io_serviced"),
    },
    pids: { current: readNumber(pids ?? null, "pids.current") ?? 0, limit: readNumber(pids ?? null, "pids.max") },
  };
};

/** "8:0 Read 4096" lines; "Total 0" has no device and is left out. */
const entries = (directory: string | null, name: string): IoEntry[] => {
  const text = readText(directory, `blkio.throttle.${name}_recursive`) ?? readText(directory, `blkio.throttle.${name}`);
  return (text ?? "").split("\n").flatMap((line) => {
    const match = /^(\d+):(\d+) (?:(\w+) )?(\d+)$/.exec(line);
    if (match === null) return [];
    const [, major, minor, op = "", value] = match;
    return [{ major: Number(major), minor: Number(minor), op, value: Number(value) }];
  });
};
