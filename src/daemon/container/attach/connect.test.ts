import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "./connect.ts";

/** A stream with what it gives, and what it was given. */
const stream = (gives: string[] | null): { duplex: Duplex; taken: string[] } => {
  const taken: string[] = [];
  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {},
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk.toString());
      done();
    },
  });
  for (const text of gives ?? []) duplex.push(text);
  if (gives !== null) duplex.push(null);
  return { duplex, taken };
};

test("what the process writes reaches the client, and both sides are closed at its end", async () => {
  const process = stream(["out"]);
  const client = stream(null);
  assert.equal(await connect(process.duplex, client.duplex, { stdin: false, detachKeys: undefined }), "ended");
  await sleep(0);
  assert.deepEqual(client.taken, ["out"]);
  assert.ok(client.duplex.writableEnded);
  assert.ok(process.duplex.destroyed, "a half-open stream is nobody else's to close");
});

test("a process that had ended without a word before anybody listened ends the client too", async () => {
  const process = stream([]);
  process.duplex.read(0);
  await sleep(10);
  assert.ok(process.duplex.readableEnded, "its end was told already");
  const client = stream(null);
  assert.equal(await connect(process.duplex, client.duplex, { stdin: false, detachKeys: undefined }), "ended");
  assert.ok(client.duplex.writableEnded);
});

test("a client that leaves lets go of the process's streams", async () => {
  const process = stream(null);
  const client = stream(null);
  const how = connect(process.duplex, client.duplex, { stdin: false, detachKeys: undefined });
  client.duplex.destroy();
  assert.equal(await how, "left");
  assert.ok(process.duplex.destroyed);
});
