// How processes end, and what the engine says of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { useEngine } from "../../support/engine.ts";
import { takeInventory } from "../../support/leaks.ts";
import { leaksSince } from "../../support/leaks.ts";
import { scopeOf } from "../../support/engine.ts";
import { waitUntil } from "../../support/http.ts";

const engine = useEngine();
const run = (...args: string[]) => engine.docker.run(["run", "--rm", ...args]);

test("exit codes come through as they are", async () => {
  for (const code of [0, 1, 2, 42, 124, 125, 126, 127, 128, 137, 254, 255]) {
    assert.equal((await run("busybox", "sh", "-c", `exit ${code}`)).code, code);
  }
});

test("a signal is 128 and its number", async () => {
  assert.equal((await run("busybox", "sh", "-c", "kill -KILL $$; exit 3")).code, 3, "pid 1 is safe from itself");
  for (const [name, code] of [
    ["TERM", 143],
    ["KILL", 137],
    ["INT", 130],
  ] as const) {
    assert.equal((await run("--init", "busybox", "sh", "-c", `kill -${name} $$; sleep 5`)).code, code, name);
  }
});

test("what cannot be run is 127 or 126, in Docker's words, and leaves nothing", async () => {
  const before = takeInventory(scopeOf(engine.daemon));
  const missing = await run("busybox", "no-such-program");
  assert.equal(missing.code, 127);
  assert.match(missing.stderr, /exec: "no-such-program": executable file not found in \$PATH/);
  const directory = await run("busybox", "/etc");
  assert.equal(directory.code, 126);
  assert.match(directory.stderr, /permission denied|is a directory/);
  const workdir = await run("--workdir", "/etc/passwd", "busybox", "true");
  assert.ok([125, 126, 127].includes(workdir.code ?? 0), workdir.stderr);
  assert.match(workdir.stderr, /Error response from daemon/);
  const image = await run("--pull", "never", "no-such-image", "true");
  assert.equal(image.code, 125);
  assert.match(image.stderr, /No such image: no-such-image:latest/);
  const network = await run("--network", "no-such-network", "busybox", "true");
  assert.equal(network.code, 125);
  assert.match(network.stderr, /network no-such-network not found/);
  assert.deepEqual(await leaksSince(before, scopeOf(engine.daemon)), []);
});

test("a failed start keeps the container, its code and its message, and it can be started once the fault is gone", async () => {
  const { docker, api } = engine;
  await docker.ok("create", "--name", "broken", "busybox", "/late");
  const started = await docker.run(["start", "broken"]);
  assert.equal(started.code, 1);
  const { State } = await api.ok<{ State: { Status: string; ExitCode: number; Error: string } }>(
    "GET",
    "/containers/broken/json",
  );
  assert.equal(State.Status, "created");
  assert.equal(State.ExitCode, 127);
  assert.match(State.Error, /no such file or directory/);
  const program = await docker.run(["cp", "-", "broken:/"], { input: await tarOf("late") });
  assert.equal(program.code, 0, program.stderr);
  assert.equal(await docker.ok("start", "-a", "broken"), "late");
  await docker.ok("rm", "broken");
});

const tarOf = async (name: string): Promise<Buffer> => {
  const { writeTar } = await import("../../support/tar-archive.ts");
  return writeTar([{ name, mode: 0o755, content: `#!/bin/sh\necho ${name}\n` }]);
};

test("a container that takes too much memory is killed, and says so", async () => {
  const { docker, api } = engine;
  const args = ["--name", "hungry", "-m", "16m", "--memory-swap", "16m", "busybox"];
  const { code } = await docker.run([
    "run",
    ...args,
    "sh",
    "-c",
    "dd if=/dev/zero of=/dev/null bs=64M count=1; exit $?",
  ]);
  assert.notEqual(code, 0);
  const tail = await docker.run([
    "run",
    "--name",
    "hungry-1",
    "-m",
    "16m",
    "--memory-swap",
    "16m",
    "busybox",
    "dd",
    "if=/dev/zero",
    "of=/dev/null",
    "bs=64M",
    "count=1",
  ]);
  assert.equal(tail.code, 137);
  const { State } = await api.ok<{ State: { OOMKilled: boolean; ExitCode: number } }>(
    "GET",
    "/containers/hungry-1/json",
  );
  assert.deepEqual([State.OOMKilled, State.ExitCode], [true, 137]);
  await docker.ok("rm", "hungry", "hungry-1");
});

test("--init reaps, forwards signals and keeps the exit code", async () => {
  const { docker } = engine;
  await docker.ok(
    "run",
    "-d",
    "--init",
    "--name",
    "parent",
    "busybox",
    "sh",
    "-c",
    "trap 'exit 5' TERM; while :; do sleep 0.1; done",
  );
  assert.match(await docker.ok("exec", "parent", "cat", "/proc/1/comm"), /init|tini/);
  await docker.ok("exec", "-d", "parent", "sh", "-c", "sleep 0.1 &");
  await waitUntil(
    // One that ends between the look for names and the reading is none.
    async () => !(await docker.ok("exec", "parent", "sh", "-c", "cat /proc/[0-9]*/stat; true")).includes(" Z "),
    "no zombie",
  );
  await docker.ok("stop", "parent");
  assert.equal(await docker.field("parent", "{{.State.ExitCode}}"), "5");
  await docker.ok("rm", "parent");
});

test("stop signals, grace and kill", async () => {
  const { docker } = engine;
  const deaf = ["busybox", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"];
  await docker.ok("run", "-d", "--name", "deaf", ...deaf);
  const begin = performance.now();
  await docker.ok("stop", "-t", "1", "deaf");
  const tookMs = performance.now() - begin;
  assert.ok(tookMs >= 1000 && tookMs < 4000, `${tookMs} ms`);
  assert.equal(await docker.field("deaf", "{{.State.ExitCode}}"), "137");
  await docker.ok(
    "run",
    "-d",
    "--name",
    "own",
    "--stop-signal",
    "USR1",
    "busybox",
    "sh",
    "-c",
    "trap 'exit 3' USR1; while :; do sleep 0.05; done",
  );
  await waitUntil(async () => (await docker.run(["stop", "own"])).code === 0);
  assert.equal(await docker.field("own", "{{.State.ExitCode}}"), "3");
  assert.match((await docker.run(["kill", "own"])).stderr, /is not running/);
  await docker.ok("rm", "deaf", "own");
});
