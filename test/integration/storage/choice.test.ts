// Which driver a data root gets that nobody chose one for.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openStorage } from "../../../src/daemon/storage/open.ts";
import type { StorageChoice } from "../../../src/daemon/storage/open.ts";
import { MS, mount, mountTmpfs } from "../../../src/linux/mount/mount.ts";
import { mountOverlay } from "../../../src/linux/mount/overlay.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";
import { loopFilesystem, removeSubvolumes } from "../../support/loop-filesystem.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const choose = async (dataRoot: string, choice: Partial<StorageChoice> = {}): Promise<string> => {
  await using workers = new LayerWorkers();
  const driver = await openStorage({
    dataRoot,
    asked: "",
    options: [],
    prior: null,
    isUsed: false,
    workers,
    ...choice,
  });
  return driver.name;
};

test("overlay2 where an overlay can be written: on the machine's disk, in memory, on btrfs", async () => {
  using directory = temporaryDirectory();
  assert.equal(await choose(directory.path), "overlay2");
  assert.deepEqual(readdirSync(directory.path), ["overlay2"]);
  using memory = temporaryDirectory();
  mountTmpfs(memory.path, { data: { size: "16m" } });
  assert.equal(await choose(memory.path), "overlay2");
  using filesystem = loopFilesystem("btrfs", { sizeMiB: 256 });
  assert.equal(await choose(filesystem.path), "overlay2");
});

test("inside another overlay the next one that works, which nothing has to be done for", async () => {
  using directory = temporaryDirectory();
  const at = (name: string): string => join(directory.path, name);
  for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(at(name));
  mountOverlay({ lower: [at("lower")], upper: at("upper"), work: at("work"), target: at("merged") });
  const chosen = await choose(at("merged"));
  assert.notEqual(chosen, "overlay2");
  assert.deepEqual(readdirSync(at("merged")), [chosen]);
  await assert.rejects(choose(at("merged"), { asked: "overlay2" }), {
    kind: "not-implemented",
    message: "error initializing graphdriver: driver not supported: overlay2",
  });
});

test("without the program or its device fuse-overlayfs is refused", async () => {
  using directory = temporaryDirectory();
  writeFileSync(join(directory.path, "nothing"), "");
  mount(join(directory.path, "nothing"), "/usr/bin/fuse-overlayfs", null, MS.bind);
  await assert.rejects(choose(join(directory.path, "data"), { asked: "fuse-overlayfs" }), {
    message: "error initializing graphdriver: driver not supported: fuse-overlayfs",
  });
});

test("the driver that the data root has, while it works; its layers hold it fast", async () => {
  using directory = temporaryDirectory();
  const dataRoot = directory.path;
  assert.equal(await choose(dataRoot, { prior: "vfs" }), "vfs");
  assert.equal(await choose(dataRoot, { prior: "vfs", isUsed: true }), "vfs");
  assert.equal(await choose(dataRoot, { prior: "vfs", isUsed: true, asked: "vfs" }), "vfs");
  await assert.rejects(choose(dataRoot, { prior: "vfs", isUsed: true, asked: "overlay2" }), { kind: "conflict" });
  // One that cannot work any more is told, and not passed over: what is in it would be lost from sight.
  await assert.rejects(choose(dataRoot, { prior: "btrfs", isUsed: true }), /wrong filesystem/);
  assert.ok(existsSync(join(dataRoot, "vfs")));
  assert.equal(await choose(dataRoot, { prior: "btrfs" }), "overlay2");
});

test("a data root in which nothing is any more changes over, subvolumes and all", async () => {
  using filesystem = loopFilesystem("btrfs", { sizeMiB: 256 });
  const dataRoot = filesystem.path;
  await using workers = new LayerWorkers();
  const before = await openStorage({ dataRoot, asked: "btrfs", options: [], prior: null, isUsed: false, workers });
  try {
    await before.create("left", null);
    writeFileSync(join(before.diffPath("left"), "file"), "");
    await before.seal("left");
    assert.equal(await choose(dataRoot, { prior: "btrfs", asked: "vfs" }), "vfs");
    assert.deepEqual(readdirSync(dataRoot), ["vfs"]);
  } finally {
    removeSubvolumes(join(dataRoot, "btrfs/subvolumes"));
  }
});
