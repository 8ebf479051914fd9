import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cgroupFolder, check, ok, read, systemctl, until } from "./engine.ts";

/** The unit that systemd has of a container. */
const property = (unit: string, name: string): string => systemctl("show", "--value", "-p", name, unit);

/** What systemd knows of containers with its driver. */
export const scopeChecks = async (runtime: string): Promise<void> => {
  const run = (...args: string[]) => ok("run", "-d", "--runtime", runtime, ...args);
  const gone = (unit: string) => until(`${unit} is gone`, () => property(unit, "LoadState") === "not-found");

  await check(
    `${runtime}: a container is a scope of system.slice with its limits, and gone when it is stopped`,
    async () => {
      const id = run("-m", "64m", "--pids-limit", "50", "--cpus", "0.5", "busybox", "sleep", "1000");
      const unit = `docker-${id}.scope`;
      const values = ["ActiveState", "Slice", "ControlGroup"].map((name) => property(unit, name));
      assert.deepEqual(values, ["active", "system.slice", `/system.slice/${unit}`]);
      // runc tells systemd of the limits; crun has them where systemd has no say. Both outlive that systemd reads its units again.
      if (runtime === "runc") {
        const limits = ["MemoryMax", "TasksMax", "CPUQuotaPerSecUSec"].map((name) => property(unit, name));
        assert.deepEqual(limits, ["67108864", "50", "500ms"]);
      }
      systemctl("daemon-reload");
      const files = ["memory.max", "pids.max", "cpu.max"].map((file) => read(id, file));
      assert.deepEqual(files, ["67108864", "50", "50000 100000"]);
      ok("stop", "-t", "0", id);
      await gone(unit);
      assert.equal(existsSync(cgroupFolder(id)), false);
      ok("start", id);
      assert.equal(property(unit, "ActiveState"), "active");
      ok("rm", "-f", id);
      await gone(unit);
    },
  );

  await check(`${runtime}: a container that ends by itself leaves no scope, one out of memory neither`, async () => {
    const ended = run("busybox", "true");
    assert.equal(ok("wait", ended), "0");
    // systemd and the shim are awake at the same moment, and the first removes what the second looks at.
    const hogs = Array.from({ length: 8 }, () =>
      run("-m", "20m", "--memory-swap", "20m", "busybox", "tail", "/dev/zero"),
    );
    assert.deepEqual(new Set(ok("wait", ...hogs).split("\n")), new Set(["137"]));
    const told = ok("inspect", "-f", "{{.State.OOMKilled}}", ended, ...hogs).split("\n");
    assert.deepEqual(told, ["false", ...hogs.map(() => "true")]);
    const killed = run("-m", "64m", "busybox", "sleep", "1000");
    ok("kill", killed);
    assert.equal(ok("wait", killed), "137");
    assert.equal(ok("inspect", "-f", "{{.State.OOMKilled}}", killed), "false");
    for (const id of [ended, killed, ...hogs]) await gone(`docker-${id}.scope`);
    assert.equal(systemctl("list-units", "--failed", "--plain", "--no-legend", "docker-*"), "");
    ok("rm", ended, killed, ...hogs);
  });

  await check(`${runtime}: --cgroup-parent names a slice`, async () => {
    const id = run("--cgroup-parent", "berth-guest.slice", "-m", "64m", "busybox", "sleep", "1000");
    const unit = `docker-${id}.scope`;
    assert.equal(property(unit, "ControlGroup"), `/berth.slice/berth-guest.slice/${unit}`);
    assert.match(ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", id), /\/ 64MiB 1$/);
    ok("rm", "-f", id);
    await gone(unit);
    assert.equal(existsSync(`/sys/fs/cgroup/berth.slice/berth-guest.slice/${unit}`), false);
  });
};
