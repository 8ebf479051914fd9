import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Btrfs } from "../../src/daemon/storage/btrfs/driver.ts";
import { Overlay2 } from "../../src/daemon/storage/overlay2/driver.ts";
import { Vfs } from "../../src/daemon/storage/vfs/driver.ts";
import { createSubvolume, nestedSubvolumes, subvolumeId } from "../../src/linux/filesystem/btrfs.ts";
import { projectUsage } from "../../src/linux/filesystem/project.ts";
import { LayerWorkers } from "../../src/oci/layer/worker/pool.ts";
import { check, systemd } from "./engine.ts";

const mebibyte = 2 ** 20;
const busybox = (...argv: string[]): void => void execFileSync("/bin/busybox", argv);

/** Writes until it is told to stop. @returns how many MiB went in, and what stopped it */
const fill = (path: string, mebibytes: number): { written: number; errno: number | undefined } => {
  const piece = Buffer.alloc(mebibyte, 1);
  for (let written = 0; written < mebibytes; written++) {
    try {
      writeFileSync(join(path, `piece-${written}`), piece, { flush: true });
    } catch (error) {
      return { written, errno: (error as NodeJS.ErrnoException).errno };
    }
  }
  return { written: mebibytes, errno: undefined };
};

/** The btrfs driver on a kernel that is years older than the machine's. */
const btrfsCheck = async (): Promise<void> => {
  const place = "/quota-btrfs";
  for (const name of ["loop", "btrfs"]) busybox("modprobe", name);
  mkdirSync(place);
  busybox("mount", "-t", "btrfs", "-o", "loop", "/berth/build/quota-btrfs.img", place);
  await using workers = new LayerWorkers();
  const driver = new Btrfs(join(place, "btrfs"), workers);
  await driver.create("base", null);
  writeFileSync(join(driver.diffPath("base"), "large"), Buffer.alloc(4 * mebibyte, 1));
  await driver.seal("base");
  assert.throws(() => writeFileSync(join(driver.diffPath("base"), "more"), ""), { code: "EROFS" });
  await driver.createWritable("small", "base", { size: "16m" });
  await driver.createWritable("free", "base");
  const [small, free] = ["small", "free"].map((id) => fill(driver.mount(id), 30));
  assert.ok(small !== undefined && small.written < 13 && small.errno === -122, JSON.stringify(small));
  assert.deepEqual(free, { written: 30, errno: undefined });
  const fd = openSync(driver.diffPath("small"), "r");
  createSubvolume(fd, "nested");
  closeSync(fd);
  for (const id of ["small", "free", "base"]) await driver.remove(id);
  assert.deepEqual(driver.list(), []);
  const root = openSync(place, "r");
  assert.deepEqual(nestedSubvolumes(root, subvolumeId(root)), []);
  closeSync(root);
};

/** Sizes of containers by project quota, which Debian's kernel has on both filesystems. */
export const quotaChecks = async (): Promise<void> => {
  if (systemd) return;
  await check("quota: btrfs holds a container to its size, and all it made goes", btrfsCheck);
  for (const filesystem of ["xfs", "ext4"]) {
    const place = `/quota-${filesystem}`;
    await check(`quota: ${filesystem} holds a container to its size, and nobody else`, async () => {
      for (const name of ["loop", "quota_v2", filesystem]) busybox("modprobe", name);
      mkdirSync(place);
      busybox("mount", "-t", filesystem, "-o", "loop,prjquota", `/berth/build/quota-${filesystem}.img`, place);
      await using workers = new LayerWorkers();
      const driver = new Overlay2(join(place, "overlay2"), workers, [["overlay2.size", "12m"]]);
      await driver.create("base", null);
      writeFileSync(join(driver.diffPath("base"), "large"), Buffer.alloc(4 * mebibyte));
      await driver.createWritable("small", "base", { size: "8m" });
      await driver.createWritable("ordinary", "base", {});
      await driver.createWritable("free", "base");
      const [small, ordinary, free] = ["small", "ordinary", "free"].map((id) => fill(driver.mount(id), 20));
      // Something is needed for directories and what overlay itself makes.
      assert.ok(small !== undefined && small.written >= 7 && small.written <= 8, JSON.stringify(small));
      assert.ok(ordinary !== undefined && ordinary.written >= 11 && ordinary.written <= 12, JSON.stringify(ordinary));
      // EDQUOT, which Node has no name of, or ENOSPC.
      for (const { errno } of [small, ordinary]) assert.ok(errno === -122 || errno === -28, String(errno));
      assert.deepEqual(free, { written: 20, errno: undefined });
      // What is below is not counted, and copying it up is.
      await driver.createWritable("copier", "base", { size: "2m" });
      assert.throws(() => writeFileSync(join(driver.mount("copier"), "large"), "x", { flag: "a" }));
      for (const id of ["small", "ordinary", "free", "copier"]) await driver.remove(id);
      await driver.emptied();
      // A number is free again once nothing is counted for it.
      await driver.createWritable("again", "base", { size: "1g" });
      await driver.remove("again");

      // Without overlay between, ext4 lets those write on that have CAP_SYS_RESOURCE, as this process has.
      if (filesystem === "ext4") return;
      const copies = new Vfs(join(place, "vfs"), workers, [["size", "6m"]]);
      await copies.createWritable("copy", null, {});
      const copy = fill(copies.mount("copy"), 20);
      assert.ok(copy.written <= 6 && copy.errno !== undefined, JSON.stringify(copy));
      await copies.remove("copy");
      const fd = openSync(place, "r");
      assert.equal(projectUsage(fd, 1 << 20).limitBytes, 0);
      closeSync(fd);
    });
  }
};
