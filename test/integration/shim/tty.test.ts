import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Containers, readAll } from "./container.ts";

const terminal = { stdin: true, stdout: true, stderr: true, raw: true };

const readUntil = async (socket: Socket, wanted: string): Promise<string> => {
  let text = "";
  while (!text.includes(wanted)) text += String((await once(socket, "data"))[0]);
  return text;
};

test("a terminal has the size it was given, and changes it", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("size", ["sh", "-c", "stty size; cat; stty size"], {
    terminal: { rows: 33, columns: 101 },
    stdin: "open",
    attach: [terminal],
  });
  const socket = attached[0]!;
  assert.match(await readUntil(socket, "\n"), /^33 101\r\n$/);
  connection.resize(50, 140);
  await sleep(20);
  const rest = readAll(socket);
  socket.write("\u0004");
  assert.match((await rest).toString(), /50 140\r\n$/);
  assert.equal((await connection.exited)?.exitCode, 0);
  assert.deepEqual(
    containers.records("size").map(({ log, stream }) => `${stream} ${log}`),
    ["stdout 33 101\r\n", "stdout 50 140\r\n"],
  );
});

test("a half-close does not hang a terminal up", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("half", ["sh", "-c", "read line; echo got $line"], {
    terminal: { rows: 24, columns: 80 },
    stdin: "once",
    attach: [terminal],
  });
  attached[0]!.end();
  await sleep(100);
  const second = await connection.attach(terminal);
  second.write("hello\n");
  assert.match((await readAll(second)).toString(), /got hello\r\n$/);
  assert.equal((await connection.exited)?.exitCode, 0);
});

test("what is typed before the start waits for the terminal", async () => {
  await using containers = new Containers();
  const starting = containers.start("early", ["sh", "-c", "read a; echo $a"], {
    terminal: { rows: 24, columns: 80 },
    stdin: "open",
    attach: [terminal],
  });
  const { attached } = await starting;
  attached[0]!.write("early\n");
  assert.match((await readAll(attached[0]!)).toString(), /early\r\n$/);
});

test("a terminal that nobody reads from does not stall the shim", async () => {
  await using containers = new Containers();
  const { connection, attached } = await containers.start("stuck", ["sh", "-c", "stty -icanon -echo; sleep 30"], {
    terminal: { rows: 24, columns: 80 },
    stdin: "open",
    attach: [terminal],
  });
  attached[0]!.write(Buffer.alloc(300_000, "x"));
  await sleep(300);
  const other = await connection.attach({ ...terminal, stdin: false });
  other.destroy();
});
