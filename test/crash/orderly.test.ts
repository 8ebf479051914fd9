// An orderly end, a second daemon, a hundred containers, a shim that dies.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { useEngine } from "../support/engine.ts";
import { waitUntil } from "../support/http.ts";

/** The bench holds the second; here other tests run on the same two cores. */
const backLimitMs = 3000;
const engine = useEngine();

interface Inspect {
  State: { Status: string; Pid: number; ExitCode: number };
}

const inspect = (name: string): Promise<Inspect> => engine.api.ok<Inspect>("GET", `/containers/${name}/json`);

test("SIGTERM ends the daemon with 0; containers run on and are found again", async () => {
  const { docker, daemon } = engine;
  await docker.ok("run", "-d", "--name", "stays", "busybox", "sleep", "10000");
  const { Pid } = (await inspect("stays")).State;
  assert.equal(await daemon.stop(), 0);
  assert.ok(existsSync(`/proc/${Pid}`), "it runs without a daemon");
  assert.ok(!existsSync(join(daemon.folder, "berthd.pid")), "the pid file is gone");
  await daemon.start();
  assert.equal((await inspect("stays")).State.Pid, Pid);
  await docker.ok("rm", "-f", "stays");
});

test("a second daemon on the same exec root is refused: it would take the first one's containers for orphans", async () => {
  const { daemon, docker } = engine;
  const id = (await docker.ok("run", "-d", "busybox", "sleep", "1000")).trim();
  const second = daemon.spawn([
    ...["--data-root", join(daemon.folder, "other"), "--host", `unix://${daemon.folder}/second.sock`],
    ...["--pidfile", `${daemon.folder}/second.pid`],
  ]);
  assert.equal(await new Promise((resolve) => second.once("exit", resolve)), 1);
  assert.match(await daemon.output(), /another daemon is using the exec root/);
  assert.equal(await docker.field(id, "{{.State.Running}}"), "true");
  await docker.ok("rm", "-f", id);
});

test("a second daemon on the same data root is refused, and the first one serves on", async () => {
  const { daemon, api } = engine;
  const pid = readFileSync(join(daemon.folder, "berthd.pid"), "utf8");
  const second = daemon.spawn([
    "--host",
    `unix://${daemon.folder}/second.sock`,
    "--pidfile",
    `${daemon.folder}/second.pid`,
  ]);
  const code = await new Promise((resolve) => second.once("exit", resolve));
  assert.equal(code, 1);
  assert.match(await daemon.output(), /another daemon is using the data root/);
  assert.equal((await api.call("GET", "/_ping")).status, 200);
  assert.equal(readFileSync(join(daemon.folder, "berthd.pid"), "utf8"), pid);
});

test("the same pid file or socket is refused too, and stays the first one's", async () => {
  const { daemon, api } = engine;
  const second = daemon.spawn(["--data-root", `${daemon.folder}/data-2`, "--exec-root", `${daemon.folder}/exec-2`]);
  const code = await new Promise((resolve) => second.once("exit", resolve));
  assert.equal(code, 1);
  assert.equal((await api.call("GET", "/_ping")).status, 200);
});

test("a shim that is killed takes its container along: 255, and its policy applies", async () => {
  const { docker, daemon } = engine;
  await docker.ok("run", "-d", "--name", "lost", "busybox", "sleep", "10000");
  await docker.ok("run", "-d", "--name", "again", "--restart", "always", "busybox", "sleep", "10000");
  const shimOf = async (name: string): Promise<number> => {
    const id = await docker.field(name, "{{.Id}}");
    const shim = JSON.parse(readFileSync(join(daemon.execRoot, "containers", id, "shim.json"), "utf8")) as {
      pid: number;
    };
    return shim.pid;
  };
  const pids = await Promise.all(["lost", "again"].map(shimOf));
  await daemon.kill();
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await daemon.start();
  assert.equal((await inspect("lost")).State.Status, "exited");
  assert.equal((await inspect("lost")).State.ExitCode, 255);
  await waitUntil(async () => (await inspect("again")).State.Status === "running", "the restart");
  process.kill(await shimOf("again"), "SIGKILL");
  await waitUntil(async () => (await docker.field("again", "{{.RestartCount}}")) === "2", "the second restart");
  await docker.ok("rm", "-f", "lost", "again");
});

test("back soon after kill -9 with 100 containers", async (t) => {
  const { api, daemon } = engine;
  const ids = Array.from({ length: 100 }, (_, i) => `many-${i}`);
  const run = async (name: string): Promise<void> => {
    await api.ok("POST", `/containers/create?name=${name}`, { Image: "busybox", Cmd: ["sleep", "10000"] });
    await api.ok("POST", `/containers/${name}/start`);
  };
  for (let i = 0; i < ids.length; i += 4) await Promise.all(ids.slice(i, i + 4).map(run));
  const times: number[] = [];
  for (let i = 0; i < 3; i += 1) times.push(await daemon.killAndStart());
  t.diagnostic(`back after ${times.map((ms) => ms.toFixed()).join(" ")} ms`);
  const running = await api.ok<unknown[]>("GET", "/containers/json");
  assert.equal(running.length, ids.length);
  // The best of three: the machine may be busy with something else.
  assert.ok(Math.min(...times) < backLimitMs, `${Math.min(...times)} ms`);
});
