import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ShimStartError } from "../../../src/daemon/runtime/shim/connection.ts";
import { readExitFile } from "../../../src/daemon/runtime/shim/exit-file.ts";
import { Containers, demultiplex, everything, readAll } from "./container.ts";

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
      .map(({ log, stream }) => [stream, log])
      .sort(),
    [
      ["stderr", "err\n"],
      ["stdout", "out\n"],
    ],
  );
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

test("only the standard descriptors reach the container", async () => {
  await using containers = new Containers();
  const attach = [{ ...everything, stdin: false }];
  const { attached } = await containers.start("fds", ["ls", "/proc/self/fd"], { attach });
  // ls holds one more itself: the folder it reads.
  assert.equal(demultiplex(await readAll(attached[0]!)).stdout.toString(), "0\n1\n2\n3\n");
});
