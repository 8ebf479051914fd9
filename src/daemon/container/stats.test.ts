import assert from "node:assert/strict";
import { test } from "node:test";
import type { CgroupUsage } from "../../linux/cgroup/usage.ts";
import type { ContainerStatsResponse } from "../../wire/engine/container.ts";
import { hostUsage, parseInterfaces, statsOf } from "./stats.ts";
import type { Sample } from "./stats.ts";
import { stats } from "./stats-stream.ts";

const procStat =
  "cpu  100 1 20 300 4 5 6 7 90 0\ncpu0 50 0 10 150 2 2 3 3 45 0\ncpu1 50 1 10 150 2 3 3 4 45 0\nintr 1\n";
const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:     486       5    1    2    0     0          0         0       84       2    3    4    0     0       0          0
`;
const usage: CgroupUsage = {
  version: 1,
  cpu: { totalNs: 30, userNs: 20, kernelNs: 10, perCpuNs: [10, 20], periods: 1, throttledPeriods: 2, throttledNs: 3 },
  memory: {
    usageBytes: 1000,
    maxUsageBytes: 2000,
    limitBytes: null,
    failures: 0,
    stat: { rss: 1, cache: 2, swap: 3, total_inactive_file: 4, shmem: 5 },
  },
  io: { serviceBytes: [{ major: 254, minor: 0, op: "Read", value: 9 }], serviced: [] },
  pids: { current: 2, limit: 50 },
};
const sampleAt = (readNs: bigint): Sample => ({
  readNs,
  usage,
  host: hostUsage(procStat, "MemTotal:       1024 kB\nMemFree: 1 kB\n"),
  networks: parseInterfaces(netDev),
});

test("the host and the interfaces", () => {
  assert.deepEqual(hostUsage(procStat, "MemTotal:       1024 kB\n"), {
    cpuNs: 4_430_000_000,
    onlineCpus: 2,
    memoryBytes: 1_048_576,
  });
  const eth0 = {
    rx_bytes: 486,
    rx_packets: 5,
    rx_errors: 1,
    rx_dropped: 2,
    tx_bytes: 84,
    tx_packets: 2,
    tx_errors: 3,
    tx_dropped: 4,
  };
  assert.deepEqual(parseInterfaces(netDev), { eth0 });
  const real = hostUsage();
  assert.ok(real.cpuNs > 0 && real.onlineCpus > 0 && real.memoryBytes > 0);
});

test("a document has dockerd's keys in dockerd's order", () => {
  const document = statsOf({ id: "abc", name: "x" }, sampleAt(1_000_000_000n), sampleAt(500_000_000n));
  assert.deepEqual(Object.keys(document), [
    "name",
    "id",
    "read",
    "preread",
    "pids_stats",
    "blkio_stats",
    "num_procs",
    "storage_stats",
    "cpu_stats",
    "precpu_stats",
    "memory_stats",
    "networks",
  ]);
  assert.deepEqual(
    [document.name, document.read, document.preread],
    ["/x", "1970-01-01T00:00:01Z", "1970-01-01T00:00:00.5Z"],
  );
  assert.deepEqual(document.memory_stats, {
    usage: 1000,
    max_usage: 2000,
    stats: { cache: 2, rss: 1, total_inactive_file: 4 },
    limit: 1_048_576,
  });
  assert.deepEqual(document.blkio_stats?.io_service_bytes_recursive, [{ major: 254, minor: 0, op: "Read", value: 9 }]);
  assert.deepEqual(document.blkio_stats?.io_queue_recursive, []);
  assert.deepEqual(document.cpu_stats, {
    cpu_usage: { total_usage: 30, percpu_usage: [10, 20], usage_in_kernelmode: 10, usage_in_usermode: 20 },
    system_cpu_usage: 4_430_000_000,
    online_cpus: 2,
    throttling_data: { periods: 1, throttled_periods: 2, throttled_time: 3 },
  });
  assert.deepEqual(document.precpu_stats, document.cpu_stats);
});

test("version 2 has bytes of block I/O only, no maximum, no CPUs apart, and no number for no limit", () => {
  const v2: Sample = {
    ...sampleAt(1n),
    networks: null,
    usage: {
      ...usage,
      version: 2,
      cpu: { ...usage.cpu, perCpuNs: null },
      memory: { ...usage.memory, limitBytes: 10, failures: 3, stat: { anon: 1, file: 2, zswap: 3 } },
      pids: { current: 1, limit: null },
    },
  };
  const document = statsOf(null, v2, null);
  assert.equal("networks" in document || "name" in document, false);
  assert.deepEqual(document.memory_stats, { usage: 1000, stats: { anon: 1, file: 2 }, failcnt: 3, limit: 10 });
  assert.deepEqual(document.pids_stats, { current: 1 });
  assert.equal(document.blkio_stats?.io_serviced_recursive, null);
  assert.equal(document.cpu_stats?.cpu_usage?.percpu_usage, undefined);
});

const collect = async (
  options: { stream: boolean; oneShot: boolean },
  samples: (Sample | null)[],
): Promise<ContainerStatsResponse[]> => {
  const left = [...samples];
  const subject = { id: "abc", name: "x", sample: () => left.shift() ?? null, removed: () => left.length === 0 };
  const found: ContainerStatsResponse[] = [];
  for await (const each of stats(subject, { ...options, signal: AbortSignal.timeout(5000) })) found.push(each);
  return found;
};

test("one answer, one shot, a stream over a stop, and the client that leaves", async () => {
  const [a, b] = [sampleAt(1_000_000_000n), sampleAt(2_000_000_000n)];
  const [single] = await collect({ stream: false, oneShot: false }, [a, b]);
  assert.deepEqual([single?.read, single?.preread], ["1970-01-01T00:00:02Z", "1970-01-01T00:00:01Z"]);
  const [shot] = await collect({ stream: false, oneShot: true }, [a]);
  assert.deepEqual([shot?.name, shot?.preread], [undefined, "0001-01-01T00:00:00Z"]);
  const [stopped] = await collect({ stream: false, oneShot: false }, [null]);
  assert.deepEqual([stopped?.id, stopped?.memory_stats, stopped?.networks], ["abc", {}, undefined]);
  const streamed = await collect({ stream: true, oneShot: false }, [a, null]);
  assert.deepEqual(
    streamed.map(({ read }) => read),
    ["1970-01-01T00:00:01Z", "0001-01-01T00:00:00Z"],
  );
  await assert.rejects(collect({ stream: true, oneShot: true }, [a]), {
    kind: "invalid-parameter",
    message: "cannot have stream=true and one-shot=true",
  });
  const leaving = new AbortController();
  const endless = stats(
    { id: "a", name: "a", sample: () => a, removed: () => false },
    { stream: true, oneShot: false, signal: leaving.signal },
  );
  await endless.next();
  leaving.abort();
  assert.equal((await endless.next()).done, true);
});
