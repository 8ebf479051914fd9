import assert from "node:assert/strict";
import { closeSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  createNetworkNamespace,
  openNamespace,
  removeNetworkNamespace,
  withNetworkNamespace,
} from "../../../src/linux/namespace/network.ts";
import { startPool } from "../../../src/linux/namespace/pool.ts";

const links = (): string[] =>
  readFileSync("/proc/thread-self/net/dev", "utf8")
    .split("\n")
    .slice(2)
    .map((line) => line.split(":")[0]?.trim() ?? "")
    .filter(Boolean);
const own = (): string => readlinkSync("/proc/thread-self/ns/net");

test("a namespace is pinned, entered and left, and no other thread moves", async () => {
  await startPool();
  const directory = mkdtempSync(join(tmpdir(), "berth-netns-"));
  const path = join(directory, "deep/netns");
  const home = own();
  createNetworkNamespace(path);
  try {
    assert.equal(own(), home);
    const namespace = openNamespace(path);
    const inside = withNetworkNamespace(namespace, () => ({ links: links(), name: own() }));
    assert.deepEqual(inside.links, ["lo"]);
    assert.notEqual(inside.name, home);
    assert.equal(inside.name, `net:[${statSync(path).ino}]`);
    assert.equal(own(), home);
    for (const thread of readdirSync("/proc/self/task"))
      assert.equal(readlinkSync(`/proc/self/task/${thread}/ns/net`), home);
    assert.throws(
      () =>
        withNetworkNamespace(namespace, () => {
          throw new Error("inside");
        }),
      { message: "inside" },
    );
    assert.equal(own(), home);
    assert.throws(() => createNetworkNamespace(path), { code: "EEXIST" });
    closeSync(namespace);
    await readFile("/proc/self/stat");
  } finally {
    removeNetworkNamespace(path);
    assert.ok(!existsSync(path));
    rmSync(directory, { recursive: true });
  }
});

test("what is no namespace is refused, and nothing has moved", () => {
  const home = own();
  const file = openNamespace("/dev/null");
  assert.throws(() => withNetworkNamespace(file, () => 1), { code: "EINVAL", syscall: "setns" });
  closeSync(file);
  assert.equal(own(), home);
});
