import assert from "node:assert/strict";
import { closeSync, readSync, writeSync } from "node:fs";
import { test } from "node:test";
import { peerCredentials } from "./credentials.ts";
import { socketpair } from "./socketpair.ts";

test("a socket pair is connected both ways and tells who made it", () => {
  const [a, b] = socketpair();
  try {
    writeSync(a, "ping");
    const buffer = Buffer.alloc(4);
    assert.equal(readSync(b, buffer), 4);
    assert.equal(buffer.toString(), "ping");
    assert.deepEqual(peerCredentials(a), { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  } finally {
    closeSync(a);
    closeSync(b);
  }
});
