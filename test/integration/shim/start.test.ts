import assert from "node:assert/strict";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { ShimStartError } from "../../../src/daemon/runtime/shim/connection.ts";
import { readExitFile, readShimFile } from "../../../src/daemon/runtime/shim/exit-file.ts";
import { kill } from "../../../src/linux/process/kill.ts";
import { run } from "../../../src/linux/process/run.ts";
import { SealedProgram } from "../../../src/linux/process/sealed.ts";
import { Containers, crun, demultiplex, everything, readAll } from "./container.ts";

test("an attach made before the start sees every byte, and the exit status is exact", async () => {
  await using containers = new Containers();
  const { connection, process, attached } = await containers.start(
    "a",
    ["sh", "-c", "echo out; echo err >&2; exit 7"],
    { attach: [{ ...everything, stdin: false }] },
  );
  const { stdout, stderr } = demultiplex(await readAll(attached[0]!));
  assert.equal(stdout.toString(), "out\n");
  assert.equal(stderr.toString(), "err\n");
  const exit = await connection.exited;
  assert.equal(exit?.exitCode, 7);
  assert.equal(exit.oomKilled, false);
  assert.ok(BigInt(exit.exitedAt) > BigInt(process.startedAt) - 1_000_000_000n);
  assert.deepEqual(await readExitFile(containers.dir("a")), exit);
  assert.equal(existsSync(join(containers.dir("a"), "shim.sock")), false);
  assert.deepEqual(
    containers
      .records("a")
      .map(({ log, stream }) => `${stream} ${log}`)
      .toSorted(),
    ["stderr err\n", "stdout out\n"],
  );
});

test("a runtime is executed by its descriptor, and by its path where that cannot be", async () => {
  await using containers = new Containers();
  using program = new SealedProgram(crun);
  const runtimeFd = program.fd() ?? assert.fail("no copy");
  const byFd = await containers.start("fd", ["true"], { runtime: "/no/such/runtime", runtimeFd });
  assert.equal((await byFd.connection.exited)?.exitCode, 0);
  // As a container could that got hold of the runtime's executable.
  const writable = openSync(`/proc/self/fd/${runtimeFd}`, "r+");
  try {
    const byPath = await containers.start("path", ["true"], { runtimeFd });
    assert.equal((await byPath.connection.exited)?.exitCode, 0);
  } finally {
    closeSync(writable);
  }
});

test("a process that a signal killed ends with 128 and its number", async () => {
  await using containers = new Containers();
  const { connection } = await containers.start("killed", ["sh", "-c", "kill -9 $$"], { hostPids: true });
  assert.equal((await connection.exited)?.exitCode, 137);
});

test("a start that fails says what the runtime said, and leaves nothing", async () => {
  await using containers = new Containers();
  const failed = containers.start("none", ["/no/such/program"], { attach: [everything] });
  await assert.rejects(failed, (error: unknown) => {
    assert.ok(error instanceof ShimStartError);
    assert.match(error.detail.stderr + error.detail.log, /no\/such\/program.*No such file or directory/);
    assert.notEqual(error.detail.status, 0);
    return true;
  });
  assert.deepEqual(readdirSync(containers.dir("none")).sort(), [
    "config.json",
    "exit.json",
    "none-json.log",
    "shim.json",
  ]);
  assert.equal(statSync(containers.log("none")).size, 0);
  assert.match((await readExitFile(containers.dir("none")))?.startError?.stderr ?? "", /no\/such\/program/);
});

test("a runtime that is not there is a failed start", async () => {
  await using containers = new Containers();
  await assert.rejects(containers.start("x", ["true"], { runtime: "/no/runtime" }), /\/no\/runtime: No such file/);
});

const descriptors = (output: Buffer): string[] => output.toString().split(/\s+/).filter(Boolean);

test("only the standard descriptors reach the container", async () => {
  await using containers = new Containers();
  const args = ["sh", "-c", "ls /proc/1/fd; true"];
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const holdFds = [(server as unknown as { _handle: { fd: number } })._handle.fd];
  const attach = [{ ...everything, stdin: false, raw: true }];
  const pipes = await containers.start("pipes", args, { attach, holdFds, stdin: "open" });
  assert.deepEqual(descriptors(await readAll(pipes.attached[0]!)), ["0", "1", "2"]);
  const terminal = await containers.start("terminal", args, { attach, holdFds, terminal: { rows: 24, columns: 80 } });
  assert.deepEqual(descriptors(await readAll(terminal.attached[0]!)), ["0", "1", "2"]);
  await containers.start("c", ["sleep", "60"]);
  const exec = await containers.exec("c", "e", ["sh", "-c", "ls /proc/$$/fd; true"], { attach, holdFds });
  assert.deepEqual(descriptors(await readAll(exec.attached[0]!)), ["0", "1", "2"]);
  server.close();
});

test("a log that cannot be written is a failed start", async () => {
  await using containers = new Containers();
  const log = { path: join(containers.root, "no/such/folder/x.log") };
  await assert.rejects(containers.start("x", ["true"], { log }), /cannot write the container's log: No such file/);
});

test("the exit status is kept although the folder's filesystem is full", async () => {
  await using containers = new Containers();
  const folder = containers.dir("full");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await run(["/bin/mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs", folder]);
  try {
    const log = { path: join(containers.root, "full.log") };
    const { connection } = await containers.start("full", ["sh", "-c", "sleep 0.2; exit 8"], { log });
    assert.throws(() => writeFileSync(join(folder, "ballast"), Buffer.alloc(1 << 20)), { code: "ENOSPC" });
    assert.equal((await connection.exited)?.exitCode, 8);
    assert.equal((await readExitFile(folder))?.exitCode, 8);
  } finally {
    await run(["/bin/umount", "-l", folder]); // the shim may not be quite gone
  }
});

test("a shim does not end by the signals that end daemons", async () => {
  await using containers = new Containers();
  const { connection } = await containers.start("s", ["cat"], { stdin: "once" });
  const { pid } = (await readShimFile(containers.dir("s")))!;
  for (const signal of [1, 2, 3, 13, 15]) kill(pid, signal);
  const socket = await connection.attach(everything);
  socket.end("still here\n");
  assert.equal(demultiplex(await readAll(socket)).stdout.toString(), "still here\n");
  assert.equal((await connection.exited)?.exitCode, 0);
});
