import { readFileSync } from "node:fs";
import { rfc3339Nano, zeroTime } from "../../base/clock.ts";
import type { CgroupUsage, IoEntry } from "../../linux/cgroup/usage.ts";
import type {
  ContainerBlkioStatEntry,
  ContainerBlkioStats,
  ContainerCPUStats,
  ContainerMemoryStats,
  ContainerNetworkStats,
  ContainerStatsResponse,
} from "../../wire/engine/container.ts";

/** What one look at a running container brings. */
export interface Sample {
  /** Nanoseconds since the epoch. */
  readNs: bigint;
  usage: CgroupUsage;
  host: HostUsage;
  /** Interface of the container → counters; null without a network of its own. */
  networks: Record<string, ContainerNetworkStats> | null;
}

export interface HostUsage {
  /** CPU time of all processors since boot. */
  cpuNs: number;
  onlineCpus: number;
  memoryBytes: number;
}

/** Everything that happens at 100 ticks a second in /proc/stat. */
const nsPerTick = 10_000_000;
/** user, nice, system, idle, iowait, irq, softirq, steal: guest time is in user already. */
const cpuFields = 8;

/** **Source:** proc_stat(5), proc_meminfo(5). */
export const hostUsage = (
  stat = readFileSync("/proc/stat", "utf8"),
  meminfo = readFileSync("/proc/meminfo", "utf8"),
): HostUsage => {
  const [, ...fields] = (stat.split("\n", 1)[0] ?? "").split(/ +/);
  const ticks = fields.slice(0, cpuFields).reduce((sum, field) => sum + Number(field), 0);
  return {
    cpuNs: ticks * nsPerTick,
    onlineCpus: [...stat.matchAll(/^cpu\d+ /gm)].length,
    memoryBytes: Number(/^MemTotal: +(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * 1024,
  };
};

/** The counters of /proc/PID/net/dev, of every interface but the loopback. **Source:** proc_pid_net(5). */
export const parseInterfaces = (text: string): Record<string, ContainerNetworkStats> => {
  const rows = text.split("\n").flatMap((line) => {
    const match = /^ *([^:]+): *(.*)$/.exec(line);
    return match === null ? [] : [[match[1] ?? "", (match[2] ?? "").split(/ +/).map(Number)] as const];
  });
  return Object.fromEntries(
    rows.filter(([name]) => name !== "lo").map(([name, counters]) => [name, network(counters)]),
  );
};

const network = ([
  rxBytes,
  rxPackets,
  rxErrors,
  rxDropped,
  ,
  ,
  ,
  ,
  txBytes,
  txPackets,
  txErrors,
  txDropped,
]: number[]): ContainerNetworkStats => ({
  rx_bytes: rxBytes ?? 0,
  rx_packets: rxPackets ?? 0,
  rx_errors: rxErrors ?? 0,
  rx_dropped: rxDropped ?? 0,
  tx_bytes: txBytes ?? 0,
  tx_packets: txPackets ?? 0,
  tx_errors: txErrors ?? 0,
  tx_dropped: txDropped ?? 0,
});

export interface Named {
  id: string;
  /** Without the slash. */
  name: string;
}

/** What Docker answers of a container that does not run. Its keys come in the order of dockerd's. */
export const emptyStats = (container: Named): ContainerStatsResponse => ({
  name: `/${container.name}`,
  id: container.id,
  read: zeroTime,
  preread: zeroTime,
  pids_stats: {},
  blkio_stats: noBlkio,
  num_procs: 0,
  storage_stats: {},
  cpu_stats: noCpu,
  precpu_stats: noCpu,
  memory_stats: {},
});

/**
 * Docker's stats document of a sample, and of the one before it, by whose difference clients tell percentages.
 * @param container null leaves its name and id out, as `one-shot` does.
 */
export const statsOf = (container: Named | null, sample: Sample, before: Sample | null): ContainerStatsResponse => ({
  ...(container === null ? {} : { name: `/${container.name}`, id: container.id }),
  read: rfc3339Nano(sample.readNs),
  preread: before === null ? zeroTime : rfc3339Nano(before.readNs),
  pids_stats: {
    ...(sample.usage.pids.current > 0 ? { current: sample.usage.pids.current } : {}),
    // None is left out: dockerd's 2⁶⁴−1 on cgroup v2 is no number of JavaScript.
    ...(sample.usage.pids.limit === null ? {} : { limit: sample.usage.pids.limit }),
  },
  blkio_stats: blkio(sample.usage),
  num_procs: 0,
  storage_stats: {},
  cpu_stats: cpu(sample),
  precpu_stats: before === null ? noCpu : cpu(before),
  memory_stats: memory(sample),
  ...(sample.networks === null ? {} : { networks: sample.networks }),
});

const noCpu: ContainerCPUStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

const cpu = ({ usage: { cpu: used }, host }: Sample): ContainerCPUStats => ({
  cpu_usage: {
    total_usage: used.totalNs,
    ...(used.perCpuNs === null ? {} : { percpu_usage: used.perCpuNs }),
    usage_in_kernelmode: used.kernelNs,
    usage_in_usermode: used.userNs,
  },
  system_cpu_usage: host.cpuNs,
  online_cpus: host.onlineCpus,
  throttling_data: {
    periods: used.periods,
    throttled_periods: used.throttledPeriods,
    throttled_time: used.throttledNs,
  },
});

const noBlkio: ContainerBlkioStats = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

/** cgroup v2 has bytes only; of v1's others the kernel keeps none any more. */
const blkio = ({ version, io }: CgroupUsage): ContainerBlkioStats => {
  const bytes = { io_service_bytes_recursive: io.serviceBytes.map(entry) };
  if (version === 2) return { ...noBlkio, ...bytes };
  const empty = Object.fromEntries(Object.keys(noBlkio).map((name) => [name, []]));
  return { ...empty, ...bytes, io_serviced_recursive: io.serviced.map(entry) };
};

const entry = ({ major, minor, op, value }: IoEntry): ContainerBlkioStatEntry => ({ major, minor, op, value });

// The lines of memory.stat that dockerd hands on.
const counters = "cache dirty mapped_file pgfault pgmajfault pgpgin pgpgout rss rss_huge unevictable writeback".split(
  " ",
);
const lists = ["active_anon", "active_file", "inactive_anon", "inactive_file"];
const v1Counters = new Set([
  ...[...counters, ...lists].flatMap((name) => [name, `total_${name}`]),
  "hierarchical_memory_limit",
  "hierarchical_memsw_limit",
]);
const v2Counters = new Set(
  (
    "anon file kernel_stack slab sock shmem file_mapped file_dirty file_writeback anon_thp inactive_anon active_anon " +
    "inactive_file active_file unevictable slab_reclaimable slab_unreclaimable pgfault pgmajfault workingset_refault " +
    "workingset_activate workingset_nodereclaim pgrefill pgscan pgsteal pgactivate pgdeactivate pglazyfree " +
    "pglazyfreed thp_fault_alloc thp_collapse_alloc"
  ).split(" "),
);

const memory = ({ usage: { version, memory: used }, host }: Sample): ContainerMemoryStats => {
  const known = version === 2 ? v2Counters : v1Counters;
  const stats = Object.entries(used.stat)
    .filter(([name]) => known.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    usage: used.usageBytes,
    ...(version === 1 && used.maxUsageBytes !== null ? { max_usage: used.maxUsageBytes } : {}),
    stats: Object.fromEntries(stats),
    ...(used.failures === null || used.failures === 0 ? {} : { failcnt: used.failures }),
    // No limit, or one above it, is what the machine has.
    limit: Math.min(used.limitBytes ?? host.memoryBytes, host.memoryBytes),
  };
};
