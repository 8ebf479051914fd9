// Restart policies with their timing, and restarts by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { useEngine } from "../../support/engine.ts";
import { waitUntil } from "../../support/http.ts";

const engine = useEngine();
const field = (name: string, template: string): Promise<string> => engine.docker.field(name, template);
const count = async (name: string): Promise<number> => Number(await field(name, "{{.RestartCount}}"));

test("on-failure counts its retries and gives up, with delays that double from 100 ms", async () => {
  const { docker } = engine;
  const begin = Date.now();
  await docker.ok(
    "run",
    "-d",
    "--name",
    "failing",
    "--restart",
    "on-failure:4",
    "busybox",
    "sh",
    "-c",
    "date +%s%N; exit 3",
  );
  await waitUntil(async () => (await field("failing", "{{.State.Status}}")) === "exited", "the last exit");
  assert.equal(await count("failing"), 4);
  assert.equal(await field("failing", "{{.State.ExitCode}}"), "3");
  assert.ok(Date.now() - begin >= 100 + 200 + 400 + 800, "four delays");
  const runs = (await docker.ok("logs", "-t", "failing"))
    .split("\n")
    .map((line) => Date.parse(line.split(" ")[0] ?? ""));
  assert.equal(runs.length, 5);
  const gaps = runs.slice(1).map((at, i) => at - (runs[i] ?? 0));
  for (const [i, gap] of gaps.entries()) assert.ok(gap >= 100 * 2 ** i, `gap ${i}: ${gap} ms`);
  await docker.ok("rm", "failing");
});

test("always restarts after success and failure; stop ends it; restart by hand keeps it", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "always", "--restart", "always", "busybox", "sleep", "10000");
  const pid = await field("always", "{{.State.Pid}}");
  process.kill(Number(pid), "SIGKILL");
  await waitUntil(async () => (await count("always")) === 1, "the restart");
  await waitUntil(async () => (await field("always", "{{.State.Running}} {{.State.Restarting}}")) === "true false");
  await docker.ok("restart", "-t", "0", "always");
  assert.equal(await field("always", "{{.State.Status}} {{.RestartCount}}"), "running 0");
  await docker.ok("stop", "-t", "0", "always");
  await sleep(300);
  assert.equal(await field("always", "{{.State.Status}}"), "exited");
  await docker.ok("rm", "always");
});

test("a container between two restarts can be stopped, removed and is shown as restarting", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "loop", "--restart", "always", "busybox", "false");
  await waitUntil(async () => (await count("loop")) >= 2, "some restarts");
  await waitUntil(async () => (await field("loop", "{{.State.Status}}")) === "restarting", "restarting");
  await docker.ok("stop", "loop");
  const restarts = await count("loop");
  await sleep(500);
  assert.equal(await field("loop", "{{.State.Status}}"), "exited");
  assert.equal(await count("loop"), restarts);
  await docker.ok("start", "loop");
  await docker.ok("rm", "-f", "loop");
});

test("update changes the policy of a running container", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "changed", "busybox", "sleep", "10000");
  await docker.ok("update", "--restart", "on-failure", "changed");
  process.kill(Number(await field("changed", "{{.State.Pid}}")), "SIGKILL");
  await waitUntil(async () => (await count("changed")) === 1, "the restart");
  await docker.ok("rm", "-f", "changed");
});

test("--rm and --restart exclude each other", async () => {
  const { code, stderr } = await engine.docker.run(["run", "--rm", "--restart", "always", "busybox", "true"]);
  assert.equal(code, 125);
  assert.match(stderr, /[Cc]onflicting options/);
});

test("restart and a new container find the port of the one before free", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "port", "-p", "8080:80", "-p", "[::1]:8081:80", "busybox", "sleep", "10000");
  for (let i = 0; i < 10; i += 1) await docker.ok("restart", "-t", "0", "port");
  for (let i = 0; i < 10; i += 1) {
    process.kill(Number(await field("port", "{{.State.Pid}}")), "SIGKILL");
    await docker.ok("wait", "port");
    await docker.ok("start", "port");
  }
  await docker.ok("rm", "-f", "port");
});
