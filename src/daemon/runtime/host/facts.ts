import { accessSync, existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { detect } from "../../../linux/cgroup/layout.ts";
import type { CgroupLayout } from "../../../linux/cgroup/layout.ts";
import { capabilitiesOf } from "../spec/capabilities.ts";
import type { CgroupFacts, CgroupFeature, HostFacts } from "../spec/input.ts";

const networkSysctls = ["net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"];

/**
 * Reads what this machine offers to containers. Some milliseconds: once, at the daemon's start.
 *
 * **Source:** proc_pid_status(5), proc_pid_limits(5), cgroups(7).
 */
export const readHostFacts = (options: {
  cgroupDriver: "cgroupfs" | "systemd";
  recursiveReadOnly: boolean;
  /** As `prepareAppArmor` tells. */
  apparmor?: boolean;
  cgroups?: CgroupLayout;
}): HostFacts => {
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    capabilities: capabilitiesOf(/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"),
    cgroup: cgroupFacts(options.cgroups ?? detect(), options.cgroupDriver),
    thermalThrottlePaths: globSync("/sys/devices/system/cpu/cpu*/thermal_throttle").sort(),
    networkSysctls: networkSysctls.filter((name) => existsSync(join("/proc/sys", name.replaceAll(".", "/")))),
    hardLimits: parseLimits(readFileSync("/proc/self/limits", "utf8")),
    apparmor: options.apparmor ?? false,
    seccomp: /^Seccomp:/m.test(status),
    recursiveReadOnly: options.recursiveReadOnly,
  };
};

// The file in which a v1 controller holds a limit; on v2 the one in any cgroup but the root.
const featureFiles: Readonly<Record<CgroupFeature, [controller: string, v1: string, v2Controller: string | null]>> = {
  "memory.swap": ["memory", "memory.memsw.limit_in_bytes", "memory"],
  "memory.reservation": ["memory", "memory.soft_limit_in_bytes", "memory"],
  "memory.swappiness": ["memory", "memory.swappiness", null],
  "memory.oomKillDisable": ["memory", "memory.oom_control", null],
  "cpu.shares": ["cpu", "cpu.shares", "cpu"],
  "cpu.quota": ["cpu", "cpu.cfs_quota_us", "cpu"],
  "cpu.realtime": ["cpu", "cpu.rt_period_us", null],
  "blkio.weight": ["blkio", "blkio.weight", "io"],
  "blkio.weightDevice": ["blkio", "blkio.weight_device", "io"],
  "blkio.throttle": ["blkio", "blkio.throttle.read_bps_device", "io"],
};

/** Which limits the cgroups of this machine can hold. */
export const cgroupFacts = (layout: CgroupLayout, driver: CgroupFacts["driver"]): CgroupFacts => {
  const { version, controllers, roots } = layout;
  const has = new Set<CgroupFeature>();
  for (const [feature, [controller, v1, v2]] of Object.entries(featureFiles) as [
    CgroupFeature,
    [string, string, string | null],
  ][]) {
    const root = roots.get(controller);
    const there = version === 1 ? root !== undefined && isFile(join(root, v1)) : v2 !== null && controllers.has(v2);
    if (there) has.add(feature);
  }
  return { version, driver, controllers: new Set(version === 2 ? v2Names(controllers) : controllers), has };
};

// Docker speaks of blkio; v2 calls it io, and has device and freezer control without a controller.
const v2Names = (controllers: ReadonlySet<string>): string[] => [
  ...controllers,
  ...(controllers.has("io") ? ["blkio"] : []),
  "devices",
  "freezer",
];

const isFile = (path: string): boolean => {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
};

const limitNames: Readonly<Record<string, string>> = {
  "Max cpu time": "cpu",
  "Max file size": "fsize",
  "Max data size": "data",
  "Max stack size": "stack",
  "Max core file size": "core",
  "Max resident set": "rss",
  "Max processes": "nproc",
  "Max open files": "nofile",
  "Max locked memory": "memlock",
  "Max file locks": "locks",
  "Max pending signals": "sigpending",
  "Max msgqueue size": "msgqueue",
  "Max nice priority": "nice",
  "Max realtime priority": "rtprio",
  "Max realtime timeout": "rttime",
};

/** Hard limits out of /proc/PID/limits; null: none. */
export const parseLimits = (text: string): Record<string, number | null> =>
  Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const name = limitNames[line.slice(0, 26).trim()];
      const hard = line.slice(26).trim().split(/\s+/)[1];
      return name === undefined || hard === undefined ? [] : [[name, hard === "unlimited" ? null : Number(hard)]];
    }),
  );
