import assert from "node:assert/strict";
import { closeSync, mkdtempSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { peerCredentials } from "./credentials.ts";
import { socketpair } from "./socketpair.ts";
import { listenUnix } from "./unix.ts";

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

test("a listening unix socket has its mode from the first moment, and takes no name that is taken", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-unix-"));
  const path = join(folder, "a.sock");
  const mask = process.umask(0);
  try {
    const fd = listenUnix(path, 0o600, 1);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.throws(() => listenUnix(path, 0o600, 1), { code: "EADDRINUSE" });
    assert.throws(() => listenUnix(join(folder, "x".repeat(108)), 0o600, 1), { code: "EINVAL" });
    await new Promise<void>((resolve, reject) => {
      const client = connect(path, () => resolve()).once("error", reject);
      client.unref();
    });
    closeSync(fd);
  } finally {
    process.umask(mask);
    rmSync(folder, { recursive: true });
  }
});
