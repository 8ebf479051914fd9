import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { findBinary } from "./find-binary.ts";
import { kill } from "./kill.ts";
import { run } from "./run.ts";
import { spawn } from "./spawn.ts";
import { startTime } from "./start-time.ts";

const sh = (script: string): string[] => ["/bin/sh", "-c", script];

test("the exit status and the signal of a child are seen", async () => {
  assert.deepEqual(await spawn(sh("exit 7")).exited, { code: 7, signal: null });
  assert.deepEqual(await spawn(sh("kill -TERM $$")).exited, { code: null, signal: 15 });
});

test("a grandchild that keeps every descriptor does not delay the exit", async () => {
  const child = spawn(sh("sleep 30 & echo $!"), { stdout: "pipe" });
  const [pid] = await Promise.all([
    new Promise<string>((resolve) => child.stdout?.once("data", (data) => resolve(String(data)))),
    child.exited,
  ]);
  kill(Number(pid), 9);
  child.stdout?.destroy();
});

test("fifty children at once are each told apart", async () => {
  const exits = await Promise.all(Array.from({ length: 50 }, (_, i) => spawn(sh(`exit ${i}`)).exited));
  assert.deepEqual(
    exits.map((exit) => exit.code),
    Array.from({ length: 50 }, (_, i) => i),
  );
});

test("pipes carry input and output", async () => {
  const child = spawn(["/bin/cat"], { stdin: "pipe", stdout: "pipe" });
  child.stdin?.end("hello");
  assert.equal(await text(child.stdout!), "hello");
  await child.exited;
});

test("only the descriptors asked for reach the child, also when numbers cross", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-"));
  const opened = ["/dev/zero", "/dev/full"].map((path) => openSync(path, "r"));
  try {
    const [a = 0, b = 0] = opened;
    const child = spawn(sh("ls -l /proc/self/fd"), { stdout: "pipe", fds: { [a]: b, [b]: a, 30: a } });
    const listing = await text(child.stdout!);
    const links = Object.fromEntries([...listing.matchAll(/ (\d+) -> (.*)/g)].map(([, fd, target]) => [fd, target]));
    assert.equal(links[a], "/dev/full");
    assert.equal(links[b], "/dev/zero");
    assert.equal(links[30], "/dev/zero");
    // 0, 1, 2, the three given, and the directory that ls itself reads.
    assert.equal(Object.keys(links).length, 7);
    await child.exited;
  } finally {
    opened.forEach(closeSync);
    rmSync(directory, { recursive: true });
  }
});

test("the child has a session of its own, default signals, its environment and its directory", async () => {
  const child = spawn(sh("cat /proc/self/status; cut -d' ' -f6 /proc/$$/stat; echo $$ $A; pwd"), {
    stdout: "pipe",
    env: { A: "b c" },
    cwd: "/usr",
  });
  const lines = (await text(child.stdout!)).trimEnd().split("\n");
  await child.exited;
  assert.equal(lines.at(-1), "/usr");
  assert.equal(lines.at(-2), `${child.pid} b c`);
  assert.equal(lines.at(-3), String(child.pid));
  assert.ok(lines.includes("SigIgn:\t0000000000000000"), lines.join("\n"));
  assert.ok(lines.includes("SigBlk:\t0000000000000000"));
});

test("a program that is not there is an error at once", () => {
  assert.throws(() => spawn(["/nonexistent"]), { code: "ENOENT", syscall: "posix_spawn", path: "/nonexistent" });
  assert.throws(() => spawn(["sh"]), { code: "EINVAL" });
  assert.throws(() => spawn(["/bin/true"], { cwd: "/nonexistent" }), { code: "ENOENT" });
});

test("no descriptor is left behind, also after a failure", async () => {
  const count = (): number => readFileSync("/proc/self/status", "utf8").length && fdCount();
  await run(sh("exit 0"));
  const before = count();
  for (let i = 0; i < 20; i++) {
    await run(sh("exit 0"), { input: "x" });
    assert.throws(() => spawn(["/nonexistent"], { stdin: "pipe", stdout: "pipe" }));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(count(), before);
});

const fdCount = (): number => {
  let count = 0;
  for (let fd = 0; fd < 512; fd++) {
    try {
      readFileSync(`/proc/self/fdinfo/${fd}`);
      count++;
    } catch {}
  }
  return count;
};

test("run answers output and status", async () => {
  const { code, stdout, stderr } = await run(sh("cat; echo oops >&2; exit 3"), { input: "in" });
  assert.deepEqual({ code, stdout: stdout.toString(), stderr }, { code: 3, stdout: "in", stderr: "oops\n" });
});

test("run is bounded in time and output, and can be aborted", async () => {
  await assert.rejects(run(["/bin/sleep", "30"], { timeoutMs: 50 }), { code: "ETIMEDOUT" });
  await assert.rejects(run(["/bin/cat", "/dev/zero"], { maxOutputBytes: 100_000 }), { code: "EFBIG" });
  const reason = new Error("gone");
  await assert.rejects(run(["/bin/sleep", "30"], { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
  await assert.rejects(run(["/bin/sleep", "30"], { signal: AbortSignal.abort(reason) }), reason);
});

test("kill, startTime and findBinary know what is not there", async () => {
  const child = spawn(["/bin/sleep", "30"]);
  assert.ok(kill(child.pid, 0));
  assert.ok((startTime(child.pid) ?? 0) > 0);
  assert.ok(kill(child.pid, 9));
  assert.deepEqual(await child.exited, { code: null, signal: 9 });
  assert.equal(kill(child.pid, 0), false);
  assert.equal(startTime(child.pid), null);
  assert.throws(() => kill(0, 9), RangeError);
  assert.match(findBinary("sh") ?? "", /^\/.*\/sh$/);
  assert.equal(findBinary("no-such-program"), null);
  assert.equal(findBinary("../bin/sh"), null);
});
