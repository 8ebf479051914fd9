import { readNumber, readTable, readText } from "./read.ts";
import type { CgroupUsage, IoEntry } from "./usage.ts";

/** **Source:** Documentation/admin-guide/cgroup-v2.rst. */
export const usageV2 = (directory: string | null): CgroupUsage | null => {
  if (readText(directory, "cgroup.controllers") === null) return null;
  const cpu = readTable(directory, "cpu.stat");
  const io = ioTable(readText(directory, "io.stat") ?? "");
  return {
    version: 2,
    cpu: {
      totalNs: (cpu["usage_usec"] ?? 0) * 1000,
      userNs: (cpu["user_usec"] ?? 0) * 1000,
      kernelNs: (cpu["system_usec"] ?? 0) * 1000,
      perCpuNs: null,
      periods: cpu["nr_periods"] ?? 0,
      throttledPeriods: cpu["nr_throttled"] ?? 0,
      throttledNs: (cpu["throttled_usec"] ?? 0) * 1000,
    },
    memory: {
      usageBytes: readNumber(directory, "memory.current") ?? 0,
      maxUsageBytes: readNumber(directory, "memory.peak"),
      limitBytes: readNumber(directory, "memory.max"),
      failures: readTable(directory, "memory.events")["max"] ?? null,
      stat: readTable(directory, "memory.stat"),
    },
    io: {
      serviceBytes: io.flatMap((device) => pair(device, "rbytes", "wbytes")),
      serviced: io.flatMap((device) => pair(device, "rios", "wios")),
    },
    pids: { current: readNumber(directory, "pids.current") ?? 0, limit: readNumber(directory, "pids.max") },
  };
};

interface Device {
  major: number;
  minor: number;
  counters: Record<string, number>;
}

/** "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …" lines; a device that was never used has no counters. */
const ioTable = (text: string): Device[] =>
  text.split("\n").flatMap((line) => {
    const [device = "", ...fields] = line.trim().split(" ");
    const [major, minor] = device.split(":").map(Number);
    if (major === undefined || minor === undefined || fields.length === 0) return [];
    const counters = Object.fromEntries(
      fields.map((field) => field.split("=")).map(([name = "", value]) => [name, Number(value)]),
    );
    return [{ major, minor, counters }];
  });

const pair = ({ major, minor, counters }: Device, read: string, write: string): IoEntry[] => [
  { major, minor, op: "read", value: counters[read] ?? 0 },
  { major, minor, op: "write", value: counters[write] ?? 0 },
];
