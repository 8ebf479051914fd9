import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isCode, SystemError } from "../error.ts";
import { createSubvolume } from "./btrfs.ts";
import { ioctlNumber } from "./ioctl.ts";
import { decodeQuota, encodeLimit, lacksProjectQuota, projectUsage } from "./project.ts";

test("ioctls have the kernel's numbers", () => {
  const cases: [ReturnType<typeof ioctlNumber>, number][] = [
    [ioctlNumber("write", 0x94, 9, 4), 0x40049409], // FICLONE
    [ioctlNumber("read", 0x58, 31, 28), 0x801c581f], // FS_IOC_FSGETXATTR
    [ioctlNumber("write", 0x58, 32, 28), 0x401c5820], // FS_IOC_FSSETXATTR
    [ioctlNumber("write", 0x94, 14, 4096), 0x5000940e], // BTRFS_IOC_SUBVOL_CREATE
    [ioctlNumber("both", 0x94, 17, 4096), 0xd0009411], // BTRFS_IOC_TREE_SEARCH
    [ioctlNumber("both", 0x94, 40, 16), 0xc0109428], // BTRFS_IOC_QUOTA_CTL
    [ioctlNumber("none", 0x94, 46, 0), 0x942e], // BTRFS_IOC_QUOTA_RESCAN_WAIT
  ];
  for (const [number, expected] of cases) assert.equal(number, expected);
});

test("a project's limit is what the kernel reads: version, kind, both limits in blocks of 512 bytes, rounded up", () => {
  const buffer = encodeLimit(0x12345678, 10 * 512 + 1);
  assert.equal(buffer.length, 112);
  assert.deepEqual(
    [buffer.readInt8(0), buffer.readInt8(1), buffer.readUInt16LE(2), buffer.readUInt32LE(4)],
    [1, 2, 0b1100, 0x12345678],
  );
  assert.deepEqual([buffer.readBigUInt64LE(8), buffer.readBigUInt64LE(16)], [11n, 11n]);
  buffer.writeBigUInt64LE(7n, 40);
  assert.deepEqual(decodeQuota(buffer), { limitBytes: 11 * 512, usedBytes: 7 * 512 });
});

test("a filesystem that has no project quota or no subvolumes says so", () => {
  const path = mkdtempSync(join(tmpdir(), "berth-filesystem-"));
  const fd = openSync(path, "r");
  const proc = openSync("/proc", "r");
  try {
    assert.throws(
      () => projectUsage(proc, 1 << 20),
      (error) => lacksProjectQuota(error),
    );
    assert.equal(lacksProjectQuota(new SystemError(28, "quotactl_fd")), false);
    assert.throws(
      () => createSubvolume(proc, "name"),
      (error) => isCode(error, "ENOTTY", "EOPNOTSUPP", "EPERM", "EACCES"),
    );
    for (const name of ["", "x".repeat(256)]) assert.throws(() => createSubvolume(fd, name), /no name of a subvolume/);
  } finally {
    closeSync(proc);
    closeSync(fd);
    rmSync(path, { recursive: true });
  }
});
