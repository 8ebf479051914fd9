import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connectShim } from "../../../src/daemon/runtime/shim/connect.ts";
import { launchShim } from "../../../src/daemon/runtime/shim/launch.ts";
import { kill } from "../../../src/linux/process/kill.ts";
import { spawn } from "../../../src/linux/process/spawn.ts";
import { startTime } from "../../../src/linux/process/start-time.ts";
import type { ShimFile } from "../../../src/wire/shim/protocol.ts";
import { Containers, bytesOf, demultiplex, everything, readAll, until } from "./container.ts";

const rounds = 5;

/** A process that launches a shim, attaches to everything, and is killed while it reads. */
const daemon = (options: object): ReturnType<typeof spawn> => {
  const module = join(import.meta.dirname, "../../../src/daemon/runtime/shim/launch.ts");
  const script = `const { launchShim } = await import(${JSON.stringify(module)});
    const { attached } = await launchShim(${JSON.stringify(options)});
    attached[0].resume(); process.stdout.write("up");`;
  return spawn([process.execPath, "--input-type=module", "-e", script], { stdout: "pipe", stderr: 2 });
};

test("killing the daemon loses neither a byte of the log nor the exit status", async () => {
  await using containers = new Containers();
  const lines = Array.from({ length: 100_000 }, (_, i) => `${String(i).padStart(9, "0")} ${"z".repeat(89)}\n`).join("");
  writeFileSync(join(containers.root, "rootfs/tmp/lines"), lines);
  const script = `for i in 1 2 3 4 5; do cat /tmp/lines; cat /tmp/lines >&2; done; sleep 0.3; exit 5`;
  const options = containers.prepare("w", ["sh", "-c", script], { attach: [{ ...everything, stdin: false }] });
  const began = performance.now();
  const launcher = daemon(options);
  await new Promise((resolve) => launcher.stdout!.once("data", resolve));
  kill(launcher.pid, 9);
  await launcher.exited;
  const found = await connectShim(containers.dir("w"));
  assert.equal(found.state, "running");
  if (found.state !== "running") return;
  assert.equal((await found.connection.exited)?.exitCode, 5);
  const rate = (rounds * 2 * lines.length) / 1000 / (performance.now() - began);
  assert.ok(rate > 50, `${rate} MB/s`);
  const expected = createHash("sha256");
  for (let i = 0; i < rounds; i++) expected.update(lines);
  const digest = expected.digest("hex");
  const records = containers.records("w");
  for (const stream of ["stdout", "stderr"])
    assert.equal(createHash("sha256").update(bytesOf(records, stream)).digest("hex"), digest, stream);
});

test("a container that ended while no daemon was there is found ended", async () => {
  await using containers = new Containers();
  const launcher = daemon(containers.prepare("e", ["sh", "-c", "sleep 0.2; exit 6"], { attach: [everything] }));
  await new Promise((resolve) => launcher.stdout!.once("data", resolve));
  kill(launcher.pid, 9);
  await launcher.exited;
  await new Promise((resolve) => setTimeout(resolve, 500));
  const found = await connectShim(containers.dir("e"));
  assert.equal(found.state === "exited" && found.exit.exitCode, 6);
});

test("after a reconnect attach works again", async () => {
  await using containers = new Containers();
  const { connection } = await containers.start("r", ["cat"], { stdin: "once" });
  connection[Symbol.dispose]();
  assert.equal(await connection.exited, null);
  const found = await connectShim(containers.dir("r"));
  assert.equal(found.state, "running");
  if (found.state !== "running") return;
  const socket = await found.connection.attach(everything);
  socket.end("again\n");
  assert.equal(demultiplex(await readAll(socket)).stdout.toString(), "again\n");
  assert.equal((await found.connection.exited)?.exitCode, 0);
});

test("a shim that was killed is reported, with what it ran", async () => {
  await using containers = new Containers();
  const { connection, process } = await containers.start("k", ["sleep", "60"]);
  const shim = JSON.parse(readFileSync(join(containers.dir("k"), "shim.json"), "utf8")) as ShimFile;
  assert.deepEqual(shim.process, process);
  kill(shim.pid, 9);
  assert.equal(await connection.exited, null);
  const found = await connectShim(containers.dir("k"));
  assert.deepEqual(found, { state: "lost", process });
  kill(process.pid, 9);
  await until(() => startTime(process.pid) === null, 10_000);
  assert.deepEqual(await connectShim(containers.dir("k")), { state: "lost", process: null });
});

test("a folder path longer than a socket address works", async () => {
  await using containers = new Containers();
  const id = "x".repeat(120);
  const { connection } = await containers.start(id, ["cat"], { stdin: "once" });
  const socket = await connection.attach(everything);
  socket.end("deep\n");
  assert.equal(demultiplex(await readAll(socket)).stdout.toString(), "deep\n");
  const again = await launchShim(
    containers.prepare(`${id}t`, ["true"], { terminal: { rows: 1, columns: 1 }, log: undefined }),
  );
  assert.equal((await again.connection.exited)?.exitCode, 0);
});

test("memory kills are told and counted", async () => {
  await using containers = new Containers();
  const { connection } = await containers.start("oom", ["sh", "-c", "sleep 0.2; x=a; while :; do x=$x$x; done"], {
    memoryBytes: 16 << 20,
  });
  const told: number[] = [];
  connection.onOom = (kills) => told.push(kills);
  const exit = await connection.exited;
  assert.equal(exit?.exitCode, 137);
  assert.equal(exit.oomKilled, true);
  assert.deepEqual(told, [1]);
});

test("a container whose pipes a process outside its namespace holds still ends", async () => {
  await using containers = new Containers();
  const { connection } = await containers.start("g", ["sh", "-c", "sleep 3 & echo bye; exit 4"], { hostPids: true });
  const before = performance.now();
  assert.equal((await connection.exited)?.exitCode, 4);
  assert.ok(performance.now() - before < 2000);
  assert.equal(containers.records("g").at(-1)?.log, "bye\n");
});

test("a process outside the namespace that goes on writing does not keep the container alive", async () => {
  await using containers = new Containers();
  const script = "(for i in $(seq 1 150); do echo more; sleep 0.03; done) & exit 4";
  const { connection } = await containers.start("f", ["sh", "-c", script], { hostPids: true });
  const before = performance.now();
  assert.equal((await connection.exited)?.exitCode, 4);
  const took = performance.now() - before;
  assert.ok(took > 1500 && took < 3500, `${took} ms`);
  assert.ok(containers.records("f").length > 20);
});
