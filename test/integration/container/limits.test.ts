// What a container may use, as its own kernel files tell.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { detect, directoryOf } from "../../../src/linux/cgroup/layout.ts";
import { useEngine } from "../../support/engine.ts";
import { waitUntil } from "../../support/http.ts";

const engine = useEngine();
const layout = detect();

/** A file of a container's cgroup, as the host sees it; undefined where this kernel has no such file. */
const cgroupFile = async (name: string, controller: string, v1: string, v2 = v1): Promise<string | undefined> => {
  const id = await engine.docker.field(name, "{{.Id}}");
  const folder = directoryOf(layout, `${engine.daemon.cgroupParent}/${id}`, controller);
  const path = folder === null ? "" : join(folder, layout.version === 2 ? v2 : v1);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
};

test("memory, cpu, pids and cpuset limits are in the cgroup, and update changes them", async () => {
  const { docker } = engine;
  const limits = [
    "-m",
    "64m",
    "--memory-reservation",
    "32m",
    "--cpus",
    "0.5",
    "--cpu-shares",
    "512",
    "--pids-limit",
    "50",
  ];
  await docker.ok("run", "-d", "--name", "limited", ...limits, "--cpuset-cpus", "0", "busybox", "sleep", "10000");
  assert.equal(await cgroupFile("limited", "memory", "memory.limit_in_bytes", "memory.max"), String(64 << 20));
  assert.equal(await cgroupFile("limited", "memory", "memory.soft_limit_in_bytes", "memory.low"), String(32 << 20));
  assert.equal(await cgroupFile("limited", "pids", "pids.max"), "50");
  assert.equal(await cgroupFile("limited", "cpuset", "cpuset.cpus"), "0");
  if (layout.version === 1) {
    assert.equal(await cgroupFile("limited", "cpu", "cpu.cfs_quota_us"), "50000");
    assert.equal(await cgroupFile("limited", "cpu", "cpu.shares"), "512");
  } else {
    assert.equal(await cgroupFile("limited", "cpu", "", "cpu.max"), "50000 100000");
  }
  await docker.ok("update", "-m", "96m", "--memory-swap", "192m", "--pids-limit", "60", "--cpus", "1", "limited");
  assert.equal(await cgroupFile("limited", "memory", "memory.limit_in_bytes", "memory.max"), String(96 << 20));
  assert.equal(await cgroupFile("limited", "pids", "pids.max"), "60");
  await docker.ok("restart", "-t", "0", "limited");
  assert.equal(await cgroupFile("limited", "pids", "pids.max"), "60", "kept by a restart");
  await docker.ok("rm", "-f", "limited");
});

test("pids-limit holds", async () => {
  const { stdout, stderr } = await engine.docker.run([
    ...["run", "--rm", "--pids-limit", "8", "busybox", "sh", "-c"],
    "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; echo done",
  ]);
  assert.match(stdout + stderr, /can't fork|Resource temporarily unavailable/);
});

test("ulimits, sysctls, hostname, user, groups, workdir and environment", async () => {
  const { docker } = engine;
  const run = (...args: string[]): Promise<string> => docker.ok("run", "--rm", ...args);
  assert.equal(await run("--ulimit", "nofile=123:456", "busybox", "sh", "-c", "ulimit -n; ulimit -Hn"), "123\n456");
  assert.equal(await run("--sysctl", "net.ipv4.ip_forward=0", "busybox", "cat", "/proc/sys/net/ipv4/ip_forward"), "0");
  assert.equal(await run("-h", "name.example", "busybox", "hostname"), "name.example");
  assert.equal(await run("-u", "app", "busybox", "id"), "uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)");
  assert.match(await run("-u", "7:8", "--group-add", "9", "busybox", "id"), /^uid=7 gid=8 groups=8,9$/);
  assert.equal(await run("-w", "/made/for/it", "busybox", "pwd"), "/made/for/it");
  assert.equal(await run("-e", "A=b c", "busybox", "sh", "-c", "echo $A"), "b c");
  assert.equal(await run("--entrypoint", "/bin/echo", "busybox", "x", "y"), "x y");
  assert.match(await run("--init", "busybox", "cat", "/proc/1/cmdline"), /init|tini/);
});

test("--read-only, --tmpfs and --shm-size", async () => {
  const { docker } = engine;
  const readOnly = await docker.run([
    "run",
    "--rm",
    "--read-only",
    "--tmpfs",
    "/t:size=1m,mode=1700",
    "busybox",
    "sh",
    "-c",
    "touch /x; touch /t/y && stat -c %a /t; df -k /t | tail -1 | awk '{print $2}'",
  ]);
  assert.match(readOnly.stderr, /Read-only file system/);
  assert.equal(readOnly.stdout, "1700\n1024\n");
  assert.equal(
    await docker.ok(
      "run",
      "--rm",
      "--shm-size",
      "8m",
      "busybox",
      "sh",
      "-c",
      "df -k /dev/shm | tail -1 | awk '{print $2}'",
    ),
    "8192",
  );
});

test("pause stops every process, unpause lets them go on", async () => {
  const { docker } = engine;
  await docker.ok(
    "run",
    "-d",
    "--name",
    "counting",
    "busybox",
    "sh",
    "-c",
    "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done",
  );
  const lines = async (): Promise<number> => (await docker.ok("logs", "counting")).split("\n").length;
  await waitUntil(async () => (await lines()) > 3);
  await docker.ok("pause", "counting");
  assert.equal(await docker.field("counting", "{{.State.Status}} {{.State.Running}}"), "paused true");
  const paused = await lines();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await lines(), paused);
  const exec = await docker.run(["exec", "counting", "true"]);
  assert.equal(exec.code, 1);
  assert.match(exec.stderr, /is paused, unpause the container before exec/);
  await docker.ok("unpause", "counting");
  await waitUntil(async () => (await lines()) > paused);
  await docker.ok("pause", "counting");
  await docker.ok("rm", "-f", "counting");
});

test("top, stats and exec see the container's processes", async () => {
  const { docker, api } = engine;
  await docker.ok("run", "-d", "--name", "busy", "busybox", "sleep", "10000");
  assert.match(await docker.ok("top", "busy"), /sleep 10000/);
  const stats = await api.ok<{ pids_stats: { current: number }; memory_stats: { usage: number } }>(
    "GET",
    "/containers/busy/stats?stream=0",
  );
  assert.equal(stats.pids_stats.current, 1);
  assert.ok(stats.memory_stats.usage > 0);
  for (const code of [0, 7, 255])
    assert.equal((await docker.run(["exec", "busy", "sh", "-c", `exit ${code}`])).code, code);
  assert.equal((await docker.run(["exec", "busy", "no-such-program"])).code, 127);
  assert.equal((await docker.run(["exec", "-i", "busy", "cat"], { input: "through stdin" })).stdout, "through stdin");
  assert.equal(
    await docker.ok("exec", "-u", "app", "-w", "/tmp", "-e", "K=v", "busy", "sh", "-c", "id -un; pwd; echo $K"),
    "app\n/tmp\nv",
  );
  await docker.ok("rm", "-f", "busy");
});
