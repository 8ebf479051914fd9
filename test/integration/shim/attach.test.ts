import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Containers, demultiplex, everything, readAll } from "./container.ts";

const outputOnly = { ...everything, stdin: false };

test("a half-close ends stdin while output goes on", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("half", ["sh", "-c", "cat; echo end; exit 3"], {
    stdin: "once",
    attach: [everything],
  });
  const socket = attached[0]!;
  socket.write("one\n");
  socket.end("two\n");
  assert.equal(demultiplex(await readAll(socket)).stdout.toString(), "one\ntwo\nend\n");
  assert.equal((await connection.exited)?.exitCode, 3);
});

test("without once, stdin stays open for the next client, until closeStdin", async () => {
  await using containers = new Containers();
  const { connection } = await containers.start("open", ["cat"], { stdin: "open" });
  for (const text of ["first\n", "second\n"]) {
    const socket = await connection.attach(everything);
    const answered = once(socket, "data") as Promise<[Buffer]>;
    socket.write(text);
    assert.equal((await answered)[0].subarray(8).toString(), text);
    socket.end();
    socket.destroy();
    await sleep(20);
  }
  connection.closeStdin();
  assert.equal((await connection.exited)?.exitCode, 0);
});

test("stdin is /dev/null unless asked for", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("null", ["cat"], { attach: [everything] });
  attached[0]!.on("error", () => {}).write("nobody reads this");
  assert.equal((await connection.exited)?.exitCode, 0);
});

test("bytes of every kind pass exactly, in both directions", async () => {
  await using containers = new Containers();
  const { attached } = await containers.start("binary", ["cat"], { stdin: "once", attach: [everything] });
  const sent = randomBytes(3_000_000);
  const received = readAll(attached[0]!);
  attached[0]!.end(sent);
  assert.ok(demultiplex(await received).stdout.equals(sent));
});

test("raw output has no frames", async () => {
  await using containers = new Containers();
  const { attached } = await containers.start("raw", ["echo", "hi"], { attach: [{ ...outputOnly, raw: true }] });
  assert.equal((await readAll(attached[0]!)).toString(), "hi\n");
});

test("several clients see the same, each only the streams it asked for", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("many", ["sh", "-c", "cat; echo out; echo err >&2"], {
    stdin: "open",
    attach: [outputOnly, { ...outputOnly, stderr: false }],
  });
  const late = await connection.attach({ ...outputOnly, stdout: false });
  connection.closeStdin();
  const [all, out, err] = (await Promise.all([...attached, late].map(readAll))).map(demultiplex);
  assert.deepEqual([all?.stdout.toString(), all?.stderr.toString()], ["out\n", "err\n"]);
  assert.deepEqual([out?.stdout.toString(), out?.stderr.toString()], ["out\n", ""]);
  assert.deepEqual([err?.stdout.toString(), err?.stderr.toString()], ["", "err\n"]);
});

/** Reads nothing for a while. */
const hashOf = async (socket: Socket): Promise<{ bytes: number; digest: string }> => {
  const { stdout } = demultiplex(await readAll(socket));
  return { bytes: stdout.length, digest: createHash("sha256").update(stdout).digest("hex") };
};

test("a slow client holds the container back and loses nothing; the log has everything too", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start(
    "slow",
    ["sh", "-c", "seq 1 400000; echo done >&2; sleep 0.01"],
    { attach: [outputOnly] },
  );
  let exited = false;
  void connection.exited.then(() => (exited = true));
  await sleep(500);
  assert.equal(exited, false, "2.7 MB do not fit the pipe and the queue");
  const { bytes, digest } = await hashOf(attached[0]!);
  const expected = Array.from({ length: 400_000 }, (_, i) => `${i + 1}\n`).join("");
  assert.equal(bytes, expected.length);
  assert.equal(digest, createHash("sha256").update(expected).digest("hex"));
  assert.equal((await connection.exited)?.exitCode, 0);
  assert.equal(containers.records("slow").length, 400_001);
});

test("a client that is slow at the end gets the rest after the exit was told", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("late", ["sh", "-c", "seq 1 150000"], {
    attach: [outputOnly],
  });
  assert.equal((await connection.exited)?.exitCode, 0);
  await sleep(100);
  assert.ok(
    demultiplex(await readAll(attached[0]!))
      .stdout.toString()
      .endsWith("\n150000\n"),
  );
});

test("a client that goes away lets the container run on", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("gone", ["sh", "-c", "seq 1 400000"], {
    attach: [outputOnly],
  });
  await sleep(100);
  attached[0]!.destroy();
  assert.equal((await connection.exited)?.exitCode, 0);
  assert.equal(containers.records("gone").at(-1)?.log, "400000\n");
});

test("stdin that a client sent before it left is still delivered", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("left", ["sh", "-c", "sleep 0.2; wc -c"], {
    stdin: "once",
    attach: [everything],
  });
  const socket = attached[0]!;
  await new Promise<void>((resolve) => socket.write(Buffer.alloc(150_000, "x"), () => resolve()));
  socket.destroy();
  assert.equal((await connection.exited)?.exitCode, 0);
  assert.equal(containers.records("left").at(-1)?.log, "150000\n");
});
