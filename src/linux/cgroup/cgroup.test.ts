import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parseMountTable } from "../mount/table.ts";
import { freeze, freezerState, thaw } from "./freezer.ts";
import { allDirectories, detect, directoryOf, parseMembership } from "./layout.ts";
import type { CgroupLayout } from "./layout.ts";
import { members, remove } from "./members.ts";
import { oomKills } from "./oom.ts";
import { usage } from "./usage.ts";

const hybrid = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`;

// Recorded from a container on Linux 6.18 (v1) and 6.1 (v2), shortened.
const v1Files: Record<string, string> = {
  "memory/c/memory.usage_in_bytes": "9437184\n",
  "memory/c/memory.max_usage_in_bytes": "10485760\n",
  "memory/c/memory.limit_in_bytes": "67108864\n",
  "memory/c/memory.failcnt": "3\n",
  "memory/c/memory.stat": "cache 4096\nrss 8192\ntotal_inactive_file 1024\n",
  "memory/c/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
  "cpu/c/cpuacct.usage": "123456789\n",
  "cpu/c/cpuacct.usage_percpu": "100000000 23456789 \n",
  "cpu/c/cpuacct.stat": "user 7\nsystem 4\n",
  "cpu/c/cpu.stat": "nr_periods 10\nnr_throttled 2\nthrottled_time 5000\n",
  "blkio/c/blkio.throttle.io_service_bytes_recursive":
    "254:0 Read 4096\n254:0 Write 8192\n254:0 Total 12288\nTotal 12288\n",
  "blkio/c/blkio.throttle.io_serviced": "254:0 Read 1\nTotal 1\n",
  "pids/c/pids.current": "2\n",
  "pids/c/pids.max": "max\n",
  "pids/c/cgroup.procs": "0\n12\n7\n",
  "pids/c/sub/cgroup.procs": "9\n12\n",
  "freezer/c/freezer.state": "THAWED\n",
};
const v2Files: Record<string, string> = {
  "c/cgroup.controllers": "cpu io memory pids\n",
  "c/cpu.stat": "usage_usec 123\nuser_usec 100\nsystem_usec 23\nnr_periods 4\nnr_throttled 1\nthrottled_usec 50\n",
  "c/memory.current": "4096\n",
  "c/memory.peak": "8192\n",
  "c/memory.max": "max\n",
  "c/memory.stat": "anon 1\nfile 2\ninactive_file 3\n",
  "c/memory.events": "low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\n",
  "c/io.stat": "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n7:0 \n",
  "c/pids.current": "1\n",
  "c/pids.max": "100\n",
  "c/cgroup.procs": "44\n",
  "c/cgroup.freeze": "0\n",
  "c/cgroup.events": "populated 1\nfrozen 0\n",
};

/** Runs work on a tree of files laid out like a mounted hierarchy. */
const onTree = async (
  version: 1 | 2,
  files: Record<string, string>,
  work: (layout: CgroupLayout, root: string) => void | Promise<void>,
): Promise<void> => {
  const root = mkdtempSync(join(tmpdir(), "berth-cgroup-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const roots = new Map(
    version === 2
      ? []
      : Object.entries({
          memory: "memory",
          cpu: "cpu",
          cpuacct: "cpu",
          blkio: "blkio",
          pids: "pids",
          freezer: "freezer",
        }).map(([controller, name]) => [controller, join(root, name)]),
  );
  const layout = { version, controllers: new Set(roots.keys()), roots, unified: version === 2 ? root : null };
  try {
    await work(layout, root);
  } finally {
    rmSync(root, { recursive: true });
  }
};

test("a hybrid is version 1 with a unified tree beside it", () => {
  const layout = detect(parseMountTable(hybrid));
  assert.equal(layout.version, 1);
  assert.equal(layout.unified, "/sys/fs/cgroup/unified");
  assert.deepEqual([...layout.controllers].sort(), ["cpu", "cpuacct", "freezer", "memory", "name=systemd", "pids"]);
  assert.equal(directoryOf(layout, "docker/../../x", "cpuacct"), "/sys/fs/cgroup/cpu,cpuacct/x");
  assert.equal(directoryOf(layout, "/x", "blkio"), null);
  assert.equal(allDirectories(layout, "/x").length, 6);
});

test("a machine with only the unified tree is version 2; one with none has no controllers", () =>
  onTree(2, { "cgroup.controllers": "cpu memory pids\n" }, (_, root) => {
    const layout = detect(parseMountTable(`30 1 0:28 / ${root} rw - cgroup2 cgroup2 rw,nsdelegate`));
    assert.deepEqual([layout.version, [...layout.controllers], layout.unified], [2, ["cpu", "memory", "pids"], root]);
    assert.deepEqual([...detect([]).controllers], []);
  }));

test("this machine's layout is found", () => {
  const layout = detect();
  assert.ok(layout.version === 2 || layout.roots.size > 0);
});

test("usage on version 1", () =>
  onTree(1, v1Files, (layout) => {
    assert.deepEqual(usage(layout, "/c"), {
      version: 1,
      cpu: {
        totalNs: 123456789,
        userNs: 70_000_000,
        kernelNs: 40_000_000,
        perCpuNs: [100000000, 23456789],
        periods: 10,
        throttledPeriods: 2,
        throttledNs: 5000,
      },
      memory: {
        usageBytes: 9437184,
        maxUsageBytes: 10485760,
        limitBytes: 67108864,
        failures: 3,
        stat: { cache: 4096, rss: 8192, total_inactive_file: 1024 },
      },
      io: {
        serviceBytes: [
          { major: 254, minor: 0, op: "Read", value: 4096 },
          { major: 254, minor: 0, op: "Write", value: 8192 },
          { major: 254, minor: 0, op: "Total", value: 12288 },
        ],
        serviced: [{ major: 254, minor: 0, op: "Read", value: 1 }],
      },
      pids: { current: 2, limit: null },
    });
    assert.equal(usage(layout, "/gone"), null);
    assert.equal(oomKills(layout, "/c"), 2);
    assert.equal(oomKills(layout, "/gone"), 0);
    assert.deepEqual(members(layout, "/c"), [7, 9, 12]);
    assert.deepEqual(members(layout, "/gone"), []);
  }));

test("no limit of version 1 is null", () =>
  onTree(1, { ...v1Files, "memory/c/memory.limit_in_bytes": "9223372036854771712\n" }, (layout) => {
    assert.equal(usage(layout, "/c")?.memory.limitBytes, null);
  }));

test("usage on version 2", () =>
  onTree(2, v2Files, (layout) => {
    const found = usage(layout, "/c");
    assert.deepEqual(found?.cpu, {
      totalNs: 123_000,
      userNs: 100_000,
      kernelNs: 23_000,
      perCpuNs: null,
      periods: 4,
      throttledPeriods: 1,
      throttledNs: 50_000,
    });
    assert.deepEqual(found?.memory, {
      usageBytes: 4096,
      maxUsageBytes: 8192,
      limitBytes: null,
      failures: 5,
      stat: { anon: 1, file: 2, inactive_file: 3 },
    });
    assert.deepEqual(found?.io.serviceBytes.slice(0, 2), [
      { major: 254, minor: 0, op: "read", value: 4096 },
      { major: 254, minor: 0, op: "write", value: 8192 },
    ]);
    assert.deepEqual(found?.pids, { current: 1, limit: 100 });
    assert.equal(usage(layout, "/gone"), null);
    assert.equal(oomKills(layout, "/c"), 1);
    assert.deepEqual(members(layout, "/c"), [44]);
  }));

test("the freezer is driven and read on both versions", async () => {
  await onTree(1, v1Files, (layout, root) => {
    freeze(layout, "/c");
    assert.equal(readFileSync(join(root, "freezer/c/freezer.state"), "utf8"), "FROZEN");
    assert.equal(freezerState(layout, "/c"), "frozen");
    thaw(layout, "/c");
    assert.equal(freezerState(layout, "/c"), "thawed");
    assert.equal(freezerState(layout, "/gone"), null);
  });
  await onTree(2, v2Files, (layout, root) => {
    freeze(layout, "/c");
    assert.equal(freezerState(layout, "/c"), "freezing");
    writeFileSync(join(root, "c/cgroup.events"), "populated 1\nfrozen 1\n");
    assert.equal(freezerState(layout, "/c"), "frozen");
  });
});

test("a cgroup is removed with all below it, and nothing else", () =>
  onTree(2, {}, async (layout, root) => {
    mkdirSync(join(root, "c/a/b"), { recursive: true });
    mkdirSync(join(root, "other"));
    await remove(layout, "/c");
    await remove(layout, "/c");
    assert.deepEqual([existsSync(join(root, "c")), existsSync(join(root, "other"))], [false, true]);
    await assert.rejects(remove(layout, "/c/.."), RangeError);
  }));

test("membership of a process", () => {
  const found = parseMembership("4:memory:/a:b\n2:cpu,cpuacct:/d\n0::/u\n");
  assert.deepEqual(
    [...found],
    [
      ["memory", "/a:b"],
      ["cpu", "/d"],
      ["cpuacct", "/d"],
      ["", "/u"],
    ],
  );
});
