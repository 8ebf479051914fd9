import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connectShim } from "../../../src/daemon/runtime/shim/connect.ts";
import { ShimStartError } from "../../../src/daemon/runtime/shim/connection.ts";
import { kill } from "../../../src/linux/process/kill.ts";
import { waitUntil } from "../../support/http.ts";
import { Containers, demultiplex, everything, readAll } from "./container.ts";

test("an exec has stdio, a half-close and an exit status of its own", async () => {
  await using containers = new Containers();
  await containers.start("c", ["sleep", "60"]);
  const { connection, attached } = await containers.exec("c", "e1", ["sh", "-c", "cat; echo err >&2; exit 9"], {
    stdin: "once",
    attach: [everything],
  });
  attached[0]!.end("in\n");
  const { stdout, stderr } = demultiplex(await readAll(attached[0]!));
  assert.deepEqual([stdout.toString(), stderr.toString()], ["in\n", "err\n"]);
  assert.equal((await connection.exited)?.exitCode, 9);
});

test("an exec on a terminal has a size and can be resized", async () => {
  await using containers = new Containers();
  await containers.start("c", ["sleep", "60"]);
  // crun 1.8 leaves an exec's size to whoever holds the terminal, so the program may be a moment ahead of it.
  const { connection, attached } = await containers.exec(
    "c",
    "e1",
    ["sh", "-c", "sleep 0.1; stty size; cat; stty size"],
    {
      terminal: { rows: 12, columns: 34 },
      stdin: "open",
      attach: [{ ...everything, raw: true }],
    },
  );
  const [first] = (await once(attached[0]!, "data")) as [Buffer];
  assert.equal(first.toString(), "12 34\r\n");
  const output = readAll(attached[0]!);
  connection.resize(56, 78);
  await new Promise((resolve) => setTimeout(resolve, 50));
  attached[0]!.write("\u0004");
  assert.equal((await output).toString(), "56 78\r\n");
  assert.equal((await connection.exited)?.exitCode, 0);
});

test("a process id file and state of an exec let a later daemon find it", async () => {
  await using containers = new Containers();
  await containers.start("c", ["sleep", "60"]);
  const { connection, process } = await containers.exec("c", "e1", ["sleep", "60"]);
  connection[Symbol.dispose]();
  const dir = join(containers.dir("c"), "execs", "e1");
  assert.equal(Number(readFileSync(join(dir, "pid"), "utf8")), process.pid);
  const found = await connectShim(dir);
  assert.equal(found.state, "running");
  if (found.state !== "running") return;
  assert.deepEqual(found.process, process);
  kill(process.pid, 15);
  assert.equal((await found.connection.exited)?.exitCode, 143);
  const later = await connectShim(dir);
  assert.equal(later.state === "exited" && later.exit.exitCode, 143);
});

test("an exec whose program is not there says so", async () => {
  await using containers = new Containers();
  await containers.start("c", ["sleep", "60"]);
  await assert.rejects(containers.exec("c", "e1", ["nope"]), (error: unknown) => {
    assert.ok(error instanceof ShimStartError);
    assert.match(error.message + error.detail.log, /nope/);
    return true;
  });
});

test("an exec ends although a process it left behind holds its pipes", async () => {
  await using containers = new Containers();
  await containers.start("c", ["sleep", "60"]);
  const before = performance.now();
  const { connection, attached } = await containers.exec("c", "e1", ["sh", "-c", "sleep 30 & echo started"], {
    attach: [{ ...everything, stdin: false }],
  });
  assert.equal(demultiplex(await readAll(attached[0]!)).stdout.toString(), "started\n");
  assert.equal((await connection.exited)?.exitCode, 0);
  assert.ok(performance.now() - before < 2000);
});

test("a shim ends with an exec that said nothing and left its pipes to another process", async () => {
  await using containers = new Containers();
  await containers.start("c", ["sleep", "60"]);
  const { connection } = await containers.exec("c", "e1", ["sh", "-c", "sleep 30 &"]);
  const state = readFileSync(join(containers.dir("c"), "execs", "e1", "shim.json"), "utf8");
  const { pid } = JSON.parse(state) as { pid: number };
  assert.equal((await connection.exited)?.exitCode, 0);
  await waitUntil(() => !existsSync(`/proc/${pid}`), "the shim's end", 3000);
});

test("the end of the container ends its execs, with 137", async () => {
  await using containers = new Containers();
  const main = await containers.start("c", ["sleep", "60"]);
  const { connection } = await containers.exec("c", "e1", ["sleep", "60"]);
  kill(main.process.pid, 9);
  assert.equal((await connection.exited)?.exitCode, 137);
  assert.equal((await main.connection.exited)?.exitCode, 137);
});
