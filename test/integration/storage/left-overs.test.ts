// What a crash, a loss of power or a container leaves is collected or mended at the next start.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { Btrfs } from "../../../src/daemon/storage/btrfs/driver.ts";
import type { StorageDriver } from "../../../src/daemon/storage/driver.ts";
import { fuseOverlayfs } from "../../../src/daemon/storage/fuse-overlayfs/kind.ts";
import { Overlay2 } from "../../../src/daemon/storage/overlay2/driver.ts";
import { Vfs } from "../../../src/daemon/storage/vfs/driver.ts";
import { mountTable } from "../../../src/linux/mount/table.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";
import { openLayerStore } from "../../support/layer-store.ts";
import { loopFilesystem, removeSubvolumes } from "../../support/loop-filesystem.ts";
import { tarOf } from "../../support/tar.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

type Open = (root: string, workers: LayerWorkers) => StorageDriver;
const drivers: Record<string, Open> = {
  overlay2: (root, workers) => new Overlay2(join(root, "driver"), workers),
  "fuse-overlayfs": (root, workers) => new Overlay2(join(root, "driver"), workers, [], fuseOverlayfs),
  vfs: (root, workers) => new Vfs(join(root, "driver"), workers),
  btrfs: (root, workers) => new Btrfs(join(root, "driver"), workers),
};
/** Where a driver notes what is below a layer. */
const noteOf = (name: string, root: string, id: string): string =>
  ["vfs", "btrfs"].includes(name) ? join(root, "driver/parent", id) : join(root, "driver", id, "lower");

const placeFor = (name: string): Disposable & { path: string } => {
  if (name !== "btrfs") return temporaryDirectory();
  const filesystem = loopFilesystem("btrfs", { sizeMiB: 256 });
  return {
    path: filesystem.path,
    [Symbol.dispose]: () => {
      removeSubvolumes(join(filesystem.path, "driver/subvolumes"));
      filesystem[Symbol.dispose]();
    },
  };
};

const first = tarOf({ name: "etc/" }, { name: "etc/passwd", content: "root\n" }, { name: "gone", content: "1" });
const second = tarOf({ name: ".wh.gone" }, { name: "new", content: "2" });
const files = (root: string): string[] =>
  readdirSync(join(root, "driver"), { recursive: true, encoding: "utf8" }).filter((path) => !/^\.?trash/.test(path));

for (const [name, open] of Object.entries(drivers)) {
  describe(`left-overs of ${name}`, () => {
    test("a note of what is below a layer that a loss of power took is made again from the records", async () => {
      using place = placeFor(name);
      await using workers = new LayerWorkers();
      const before = openLayerStore(place.path, workers, open(place.path, workers));
      const lease = before.leases.open("test", 60_000);
      const a = await before.layers.register(null, Readable.from([first]), { lease });
      const b = await before.layers.register(a.chainId, Readable.from([second]), { lease });
      await before.layers.writable.create("box", b.chainId);
      await before.layers.writable.createForMount("mount", b.chainId);
      writeFileSync(join(before.layers.writable.mount("box"), "mine"), "");
      await before.layers.writable.unmount("box");
      // Files written shortly before are there and empty.
      for (const id of [b.cacheId, `${b.cacheId}-init`, "box", "mount"]) {
        assert.ok(existsSync(noteOf(name, place.path, id)), id);
        writeFileSync(noteOf(name, place.path, id), "");
      }
      before[Symbol.dispose]();

      using parts = openLayerStore(place.path, workers, open(place.path, workers));
      await parts.layers.restore([
        { id: "box", top: b.chainId, hasInit: true },
        { id: "mount", top: b.chainId, hasInit: false },
      ]);
      for (const [id, names] of [
        ["box", [".dockerenv", "dev", "etc", "mine", "new", "proc", "sys"]],
        ["mount", ["etc", "new"]],
      ] as const) {
        assert.deepEqual(readdirSync(parts.layers.writable.mount(id)).sort(), names);
        await parts.layers.writable.unmount(id);
      }
      assert.deepEqual(await parts.layers.writable.changes("box"), [{ path: "/mine", kind: 1 }]);
      await parts.layers.writable.create("later", b.chainId);
      assert.equal(readFileSync(join(parts.layers.writable.mount("later"), "etc/passwd"), "utf8"), "root\n");
      for (const id of ["box", "mount", "later"]) await parts.layers.writable.remove(id);
    });

    test("what belongs to nothing is removed, and nothing else", async () => {
      using place = placeFor(name);
      await using workers = new LayerWorkers();
      const empty = ((): string[] => {
        open(place.path, workers);
        return files(place.path);
      })();
      const before = openLayerStore(place.path, workers, open(place.path, workers));
      const { layers, leases, driver } = before;
      const lease = leases.open("test", 60_000);
      const a = await layers.register(null, Readable.from([first]), { lease });
      await layers.writable.create("box", a.chainId);
      layers.writable.mount("box");
      const kept = files(place.path).length;
      // As a daemon leaves them that is killed: a layer half unpacked, a container half made and mounted.
      await driver.create("half", a.cacheId);
      writeFileSync(join(driver.diffPath("half"), "part"), "x");
      await driver.createWritable("lost", a.cacheId);
      writeFileSync(join(driver.mount("lost"), "part"), "x");
      if (existsSync(join(place.path, "driver/l"))) {
        symlinkSync("../half/diff", join(place.path, "driver/l/ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        symlinkSync(`../${a.cacheId}/diff`, join(place.path, "driver/l/ZBCDEFGHIJKLMNOPQRSTUVWXYA"));
      } else writeFileSync(join(place.path, "driver/parent/nothing"), "half");
      if (name === "btrfs") makeNested(driver.mount("lost"));
      before[Symbol.dispose]();

      using next = openLayerStore(place.path, workers, open(place.path, workers));
      await next.layers.restore([{ id: "box", top: a.chainId, hasInit: true }]);
      await next.driver.emptied();
      assert.deepEqual(next.driver.list().sort(), ["box", a.cacheId, `${a.cacheId}-init`].sort());
      assert.equal(files(place.path).length, kept);
      assert.equal(readFileSync(join(next.layers.writable.mount("box"), "etc/passwd"), "utf8"), "root\n");
      await next.layers.writable.remove("box");
      await next.layers.remove(next.layers.all());
      await next.driver.emptied();
      assert.deepEqual(files(place.path), empty);
      assert.deepEqual(
        mountTable().filter(({ target }) => target.startsWith(`${place.path}/driver`)),
        [],
      );
    });
  });
}

/** Subvolumes in subvolumes, one read-only, as a container may make them. */
const makeNested = (path: string): void => {
  const btrfs = (...args: string[]): void => void execFileSync("/usr/bin/btrfs", args, { stdio: "ignore" });
  mkdirSync(join(path, "in"));
  for (const name of ["one", "one/two", "one/two/three", "in/four"]) btrfs("subvolume", "create", join(path, name));
  for (let index = 0; index < 80; index++) btrfs("subvolume", "create", join(path, `one/many-${index}`));
  writeFileSync(join(path, "one/two/three/file"), "x");
  btrfs("subvolume", "snapshot", "-r", join(path, "one/two"), join(path, "in/frozen"));
};

test("a fuse-overlayfs that died is started again at the next mount", async () => {
  using place = temporaryDirectory();
  await using workers = new LayerWorkers();
  const driver = drivers["fuse-overlayfs"]?.(place.path, workers) ?? assert.fail();
  await driver.create("base", null);
  writeFileSync(join(driver.diffPath("base"), "file"), "1");
  await driver.createWritable("a", "base");
  const target = driver.mount("a");
  writeFileSync(join(target, "mine"), "2");
  // In a process namespace of the test's own: nobody else's is meant.
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const commandLine = ((): string => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })();
    if (commandLine.startsWith("/usr/bin/fuse-overlayfs\0") && commandLine.includes("upperdir=a/diff")) {
      process.kill(Number(pid), "SIGKILL");
    }
  }
  const end = Date.now() + 5000;
  for (;;) {
    try {
      readdirSync(target);
    } catch (error) {
      assert.match(String(error), /ENOTCONN|ECONNABORTED/);
      break;
    }
    assert.ok(Date.now() < end, "it has died");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(readFileSync(join(driver.mount("a"), "mine"), "utf8"), "2");
  assert.equal(readFileSync(join(driver.mount("a"), "file"), "utf8"), "1");
  await driver.remove("a");
  await driver.emptied();
  rmSync(join(place.path, "driver/.trash"), { recursive: true });
});
