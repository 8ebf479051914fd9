import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { call, cgroupFolder, cgroupOf, check, docker, ok, read, systemd } from "./engine.ts";

/** What a container may use, and what is told of it, with one runtime. */
export const limitChecks = async (runtime: string): Promise<void> => {
  const run = (...args: string[]) => ok("run", "-d", "--runtime", runtime, ...args);
  const limits = ["-m", "64m", "--memory-swap", "96m", "--memory-reservation", "32m", "--cpus", "0.5"];
  const below = systemd && runtime === "crun" ? "/container" : "";
  let id = "";

  await check(`${runtime}: limits are in the cgroup's files and in inspect`, () => {
    id = run(...limits, "--cpu-shares", "512", "--pids-limit", "50", "--cpuset-cpus", "0", "busybox", "sleep", "1000");
    const files = ["memory.max", "memory.swap.max", "memory.low", "cpu.max", "pids.max", "cpuset.cpus", "cpu.weight"];
    const values = files.map((file) => read(id, file));
    assert.deepEqual(values, ["67108864", "33554432", "33554432", "50000 100000", "50", "0", "20"]);
    const format =
      "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpusetCpus}}";
    assert.equal(ok("inspect", "-f", format, id), "67108864 500000000 50 0");
  });

  await check(`${runtime}: the container's cgroup namespace is its own, its files read-only`, () => {
    for (const command of [
      ["exec", id],
      ["run", "--rm", "--runtime", runtime, "-m", "64m", "busybox"],
    ]) {
      const script = "cat /proc/self/cgroup /sys/fs/cgroup/memory.max; echo 1 > /sys/fs/cgroup/pids.max; echo $?";
      assert.equal(ok(...command, "sh", "-c", script), "0::/\n67108864\n1");
    }
    const host = ok("run", "--rm", "--runtime", runtime, "--cgroupns", "host", "busybox", "cat", "/proc/self/cgroup");
    assert.match(host, new RegExp(`^0::${cgroupOf("[0-9a-f]{64}")}${below}$`));
  });

  await check(`${runtime}: stats`, async () => {
    const line = ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}} {{.CPUPerc}}", id);
    assert.match(line, /^[\d.]+(?:KiB|MiB) \/ 64MiB 1 [\d.]+%$/);
    const stats = JSON.parse(await call(`/containers/${id}/stats?stream=0&one-shot=1`));
    assert.equal(stats.memory_stats.limit, 67_108_864);
    assert.equal(stats.pids_stats.limit, 50);
    assert.ok(stats.memory_stats.usage > 0 && stats.cpu_stats.cpu_usage.total_usage > 0);
    assert.equal(stats.cpu_stats.online_cpus, 2);
    assert.equal(typeof stats.memory_stats.stats.inactive_file, "number");
  });

  await check(`${runtime}: pause and unpause`, () => {
    ok("pause", id);
    assert.match(read(id, "cgroup.events"), /frozen 1/);
    assert.equal(ok("inspect", "-f", "{{.State.Status}}", id), "paused");
    ok("unpause", id);
    assert.match(read(id, "cgroup.events"), /frozen 0/);
    assert.equal(ok("inspect", "-f", "{{.State.Status}}", id), "running");
  });

  await check(`${runtime}: update`, () => {
    ok("update", "-m", "80m", "--memory-swap", "-1", "--cpus", "1.5", "--pids-limit", "60", id);
    const values = ["memory.max", "memory.swap.max", "cpu.max", "pids.max"].map((file) => read(id, file));
    assert.deepEqual(values, ["83886080", "max", "150000 100000", "60"]);
    ok("update", "--pids-limit", "-1", id);
    assert.equal(read(id, "pids.max"), "max");
  });

  await check(`${runtime}: processes of a container and its execs are told, and gone with it`, () => {
    ok("exec", "-d", id, "sleep", "999");
    assert.match(ok("top", id), /sleep 1000[^]*sleep 999/);
    assert.equal(read(id, "cgroup.procs").split("\n").length, 2);
    ok("rm", "-f", id);
    assert.equal(existsSync(cgroupFolder(id)), false);
  });

  await check(
    `${runtime}: a container out of memory ends with 137 and says so; one process of it alone does not end it`,
    () => {
      const hog = run("-m", "20m", "--memory-swap", "20m", "busybox", "tail", "/dev/zero");
      assert.equal(ok("wait", hog), "137");
      assert.equal(ok("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", hog), "true 137");
      const survivor = run(
        "-m",
        "20m",
        "--memory-swap",
        "20m",
        "busybox",
        "sh",
        "-c",
        "tail /dev/zero; echo $?; exit 3",
      );
      assert.equal(ok("wait", survivor), "3");
      assert.match(ok("logs", survivor), /137/);
      const events = ok("events", "--since", "0", "--until", "0s", "--filter", "event=oom", "--format", "{{.ID}}");
      assert.match(events, new RegExp(hog));
      ok("rm", hog, survivor);
    },
  );

  await check(`${runtime}: a fork bomb stops at its limit`, () => {
    const bomb = run("--pids-limit", "30", "busybox", "sleep", "100");
    // The shell ends when it cannot fork.
    docker("exec", bomb, "sh", "-c", "i=0; while [ $i -lt 60 ]; do sleep 20 & i=$((i+1)); done; wait");
    assert.match(read(bomb, "pids.events"), /max [1-9]/);
    assert.ok(Number(read(bomb, "pids.current")) <= 30);
    ok("rm", "-f", bomb);
  });

  await check(`${runtime}: AppArmor confines a container and its execs, and not one that is privileged`, () => {
    const confined = run("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "busybox", "sleep", "100");
    for (const script of ["cat /proc/self/attr/current", "cat /proc/1/attr/current"])
      assert.equal(ok("exec", confined, "sh", "-c", script), "docker-default (enforce)");
    assert.equal(ok("inspect", "-f", "{{.AppArmorProfile}}", confined), "docker-default");
    assert.match(docker("exec", confined, "mount", "-t", "tmpfs", "x", "/tmp").stderr, /denied/);
    ok("rm", "-f", confined);
    const read = ["busybox", "cat", "/proc/self/attr/current"];
    assert.equal(ok("run", "--rm", "--runtime", runtime, "--privileged", ...read), "unconfined");
  });

  await check(`${runtime}: devices that were not given cannot be opened`, () => {
    const script = "mknod /x b 254 0; cat /x 2>&1; head -c 1 /dev/zero | wc -c";
    const { stdout } = docker("run", "--rm", "--runtime", runtime, "busybox", "sh", "-c", script);
    assert.match(stdout, /Operation not permitted[^]*\n1$/);
  });

  await check(`${runtime}: limits of input and output`, () => {
    const disk = run(
      "--device-write-bps",
      "/dev/vda:1mb",
      "--device-read-iops",
      "/dev/vda:100",
      "busybox",
      "sleep",
      "100",
    );
    assert.match(read(disk, "io.max"), /rbps=max wbps=1048576 riops=100 wiops=max/);
    ok("rm", "-f", disk);
  });
};
