import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Btrfs } from "../../../src/daemon/storage/btrfs/driver.ts";
import { storageDriverContract } from "../../../src/daemon/storage/driver.contract.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";
import { loopFilesystem, removeSubvolumes } from "../../support/loop-filesystem.ts";

let filesystem: ReturnType<typeof loopFilesystem> | undefined;
before(() => {
  filesystem = loopFilesystem("btrfs", { sizeMiB: 1024 });
});
after(() => filesystem?.[Symbol.dispose]());

const directory = (): Disposable & { path: string } => {
  const path = mkdtempSync(join(filesystem?.path ?? "", "test-"));
  return {
    path,
    [Symbol.dispose]: () => {
      removeSubvolumes(join(path, "btrfs/subvolumes"));
      rmSync(path, { recursive: true, force: true });
    },
  };
};

storageDriverContract("btrfs", { open: (root, workers) => new Btrfs(join(root, "btrfs"), workers), directory });

test("the kernel refuses to change a sealed layer, and a container on it is not sealed", async () => {
  using place = directory();
  await using workers = new LayerWorkers();
  const driver = new Btrfs(join(place.path, "btrfs"), workers);
  await driver.create("base", null);
  writeFileSync(join(driver.diffPath("base"), "file"), "1");
  await driver.seal("base");
  assert.throws(() => writeFileSync(join(driver.diffPath("base"), "file"), "2"), { code: "EROFS" });
  await driver.createWritable("a", "base");
  writeFileSync(join(driver.mount("a"), "file"), "2");
  await driver.remove("a");
  await driver.remove("base");
  assert.deepEqual(driver.list(), []);
});

test("a container's size has to hold what its image has", async () => {
  using place = directory();
  await using workers = new LayerWorkers();
  const driver = new Btrfs(join(place.path, "btrfs"), workers, [["btrfs.min_space", "1m"]]);
  await driver.create("base", null);
  writeFileSync(join(driver.diffPath("base"), "large"), Buffer.alloc(8 << 20, 1));
  await driver.seal("base");
  await assert.rejects(driver.createWritable("a", "base", { size: "1k" }), {
    kind: "invalid-parameter",
    message: "btrfs: storage size cannot be less than 1.049MB",
  });
  await driver.createWritable("a", "base", { size: "2m" });
  assert.throws(() => writeFileSync(join(driver.mount("a"), "more"), Buffer.alloc(1 << 20), { flush: true }), {
    errno: -122,
  });
  await driver.remove("a");
});
