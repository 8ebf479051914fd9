import assert from "node:assert/strict";
import {
  statSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { chmodDescriptor, fchmodat, fchownat, utimensat } from "./attributes.ts";
import { copyFileRange, punchHole, reflink, seekData, seekHole, syncfs, tryLock, unlock } from "./data.ts";
import { fileType, O_NOFOLLOW, O_PATH, RENAME_NOREPLACE, resolve } from "./flags.ts";
import { linkat, linkDescriptor, makeDevice, mkdirat, mknodat, renameat2, symlinkat, unlinkat } from "./make.ts";
import { openat2, openDirectory, openInRoot } from "./open.ts";
import { isDirectory, isRegular, isSymlink, readlinkat, statat, statOf } from "./stat.ts";
import { findxattr, getxattr, listxattr, removexattr, setxattr } from "./xattr.ts";

/** Runs work in a fresh directory, handed over by path and by descriptor. */
const inDirectory = (work: (path: string, fd: number) => void): void => {
  const path = mkdtempSync(join(tmpdir(), "berth-file-"));
  const fd = openDirectory(path);
  try {
    work(path, fd);
  } finally {
    closeSync(fd);
    rmSync(path, { recursive: true });
  }
};

const read = (fd: number): string => {
  try {
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
};

describe("openInRoot", () => {
  test("absolute and climbing symlinks stay inside the root", () =>
    inDirectory((path, fd) => {
      mkdirSync(join(path, "run"));
      mkdirSync(join(path, "var"));
      symlinkSync("/run", join(path, "var/run"));
      symlinkSync("../../../../../../run/x", join(path, "var/up"));
      writeFileSync(join(path, "run/x"), "inside");
      assert.equal(read(openInRoot(fd, "/var/run/x", constants.O_RDONLY)), "inside");
      assert.equal(read(openInRoot(fd, "var/up", constants.O_RDONLY)), "inside");
      assert.equal(read(openInRoot(fd, "../../run/x", constants.O_RDONLY)), "inside");
    }));

  test("what the rules forbid is an error of the kernel", () =>
    inDirectory((path, fd) => {
      symlinkSync("/etc/passwd", join(path, "passwd"));
      symlinkSync("/proc/self/root/etc/passwd", join(path, "magic"));
      assert.throws(() => openInRoot(fd, "passwd", constants.O_RDONLY), {
        code: "ENOENT",
        syscall: "openat2",
        path: "passwd",
      });
      const root = openDirectory("/");
      assert.throws(() => openInRoot(root, join(path, "magic"), constants.O_RDONLY), { code: "ELOOP" });
      closeSync(root);
      assert.throws(() => openat2(fd, "../x", { flags: 0, resolve: resolve.beneath }), { code: "EXDEV" });
      assert.throws(() => openInRoot(fd, "a\0b", 0), { code: "EINVAL" });
    }));
});

test("files of every kind are made, named and removed by directory descriptor", () =>
  inDirectory((path, fd) => {
    mkdirat(fd, "d", 0o700);
    mknodat(fd, "fifo", fileType.fifo | 0o600);
    symlinkat("target", fd, "s");
    const bytes = Buffer.from([0x66, 0xff, 0x66]);
    writeFileSync(join(path, "f"), "x");
    linkat(fd, "f", fd, bytes);
    assert.ok(isDirectory(statat(fd, "d")));
    assert.equal(statat(fd, "fifo").mode, fileType.fifo | (0o600 & ~process.umask()));
    assert.ok(isSymlink(statat(fd, "s")));
    assert.equal(readlinkat(fd, "s").toString(), "target");
    assert.equal(statat(fd, bytes).nlink, 2);
    const open = openat2(fd, "f", { flags: O_PATH });
    linkDescriptor(open, fd, "third");
    assert.equal(statOf(open).nlink, 3);
    closeSync(open);
    assert.throws(() => renameat2(fd, "f", fd, "third", RENAME_NOREPLACE), { code: "EEXIST", path: "third" });
    renameat2(fd, "s", fd, "d/s");
    assert.equal(readlinkat(fd, "d/s").toString(), "target");
    assert.throws(() => unlinkat(fd, "d"), { code: "EISDIR" });
    unlinkat(fd, "d/s");
    unlinkat(fd, "d", { directory: true });
    assert.throws(() => statat(fd, "d"), { code: "ENOENT", syscall: "statx" });
  }));

test("stat tells what node tells, in nanoseconds", () =>
  inDirectory((path, fd) => {
    writeFileSync(join(path, "f"), "hello");
    for (const time of [1_700_000_000_123_456_789n, -1n, 0n]) {
      utimensat(fd, "f", time, time + 5n);
      const stat = statat(fd, "f");
      const node = lstatSync(join(path, "f"), { bigint: true });
      assert.deepEqual([stat.atimeNs, stat.mtimeNs], [time, time + 5n]);
      assert.deepEqual(
        [stat.ino, BigInt(stat.size), BigInt(stat.mode), BigInt(stat.uid), BigInt(stat.blocks)],
        [node.ino, node.size, node.mode, node.uid, node.blocks],
      );
      assert.equal(makeDevice(stat.dev.major, stat.dev.minor), node.dev);
    }
    utimensat(fd, "f", null, 7n);
    assert.deepEqual([statat(fd, "f").atimeNs, statat(fd, "f").mtimeNs], [0n, 7n]);
    assert.deepEqual(statat(-100, "/dev/full").rdev, { major: 1, minor: 7 });
  }));

test("modes and owners", () =>
  inDirectory((path, fd) => {
    writeFileSync(join(path, "f"), "");
    fchmodat(fd, "f", 0o4755);
    assert.equal(statat(fd, "f").mode & 0o7777, 0o4755);
    const open = openat2(fd, "f", { flags: O_PATH });
    chmodDescriptor(open, 0o640);
    assert.equal(statOf(open).mode & 0o7777, 0o640);
    symlinkSync("/etc/passwd", join(path, "s"));
    const link = openat2(fd, "s", { flags: O_PATH | O_NOFOLLOW });
    const { uid, gid } = statOf(link);
    fchownat(link, "", uid, gid);
    fchownat(fd, "s", uid, gid);
    assert.ok(isSymlink(statOf(link)));
    closeSync(link);
    closeSync(open);
  }));

test("extended attributes by path and by descriptor", () =>
  inDirectory((path) => {
    const file = join(path, "f");
    writeFileSync(file, "");
    const fd = openSync(file, "r");
    const large = Buffer.alloc(1000, 7);
    setxattr(file, "user.a", Buffer.from("1"));
    setxattr(fd, "user.b", large);
    setxattr(fd, "user.empty", Buffer.alloc(0));
    assert.deepEqual(listxattr(file).sort(), ["user.a", "user.b", "user.empty"]);
    assert.equal(getxattr(fd, "user.a").toString(), "1");
    assert.deepEqual(getxattr(file, "user.b"), large);
    closeSync(fd);
  }));

test("removed and absent attributes", () =>
  inDirectory((path) => {
    const file = join(path, "f");
    writeFileSync(file, "");
    setxattr(file, "user.a", Buffer.from("1"));
    removexattr(file, "user.a");
    assert.equal(findxattr(file, "user.a"), null);
    assert.throws(() => getxattr(file, "user.a"), { code: "ENODATA", syscall: "getxattr", path: file });
    assert.deepEqual(listxattr("/proc/self"), []);
    assert.throws(() => listxattr(join(path, "absent")), { code: "ENOENT" });
  }));

test("holes are punched and found, ranges copied, locks taken", () =>
  inDirectory((path, fd) => {
    const from = openSync(join(path, "from"), "w+");
    const to = openSync(join(path, "to"), "w+");
    const other = openSync(join(path, "from"), "r");
    writeSync(from, Buffer.alloc(64 * 1024, 1));
    punchHole(from, 16 * 1024, 32 * 1024);
    assert.deepEqual(
      [seekHole(from, 0), seekData(from, 16 * 1024), seekData(from, 64 * 1024)],
      [16 * 1024, 48 * 1024, null],
    );
    assert.equal(copyFileRange(other, to, 64 * 1024), 64 * 1024);
    const sample = Buffer.alloc(2);
    readSync(to, sample, 0, 2, 16 * 1024 - 1);
    assert.deepEqual([...sample], [1, 0]);
    assert.equal(typeof reflink(from, to), "boolean");
    assert.ok(tryLock(from));
    assert.equal(tryLock(other), false);
    unlock(from);
    assert.ok(tryLock(other, { shared: true }));
    syncfs(from);
    assert.ok(isRegular(statOf(from)));
    assert.equal(fstatSync(to).size, 64 * 1024);
    assert.ok(fd >= 0);
    [from, to, other].forEach((each) => closeSync(each));
  }));

test("permission bits of a symlink are nobody's, its target's least of all", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-file-"));
  try {
    writeFileSync(join(folder, "target"), "", { mode: 0o600 });
    symlinkSync(join(folder, "target"), join(folder, "link"));
    const directory = openDirectory(folder);
    assert.throws(() => fchmodat(directory, "link", 0o777), { code: /^(EOPNOTSUPP|ENOTSUP)$/ });
    fchmodat(directory, "target", 0o640);
    closeSync(directory);
    assert.equal(statSync(join(folder, "target")).mode & 0o777, 0o640);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
