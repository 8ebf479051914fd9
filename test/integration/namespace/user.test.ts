// User namespaces, and what is done in the name of their root.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openNullDevice } from "../../../src/linux/file/null-device.ts";
import { umount } from "../../../src/linux/mount/mount.ts";
import { mountIdmapped } from "../../../src/linux/mount/tree.ts";
import { createNetworkIn, createUserNamespace } from "../../../src/linux/namespace/user.ts";
import { withFileOwner } from "../../../src/linux/process/file-owner.ts";

const helper = join(import.meta.dirname, "../../../build/berth-shim");
const ids = [{ containerId: 0, hostId: 100_000, size: 1000 }];
const mapping = { uids: ids, gids: ids };
const inUser = (fd: number, network: number | null, script: string): string =>
  execFileSync(
    "nsenter",
    [
      `--user=/proc/${process.pid}/fd/${fd}`,
      ...(network === null ? [] : [`--net=/proc/${process.pid}/fd/${network}`]),
      "-S0",
      "-G0",
      "sh",
      "-c",
      script,
    ],
    { encoding: "utf8" },
  ).trim();

test("a namespace is made, mapped, and outlives its helper; its network belongs to it", async () => {
  using made = await createUserNamespace({ helper, mapping, network: true });
  assert.equal(
    inUser(made.user, null, "cat /proc/self/uid_map /proc/self/gid_map").replace(/\s+/g, " "),
    "0 100000 1000 0 100000 1000",
  );
  assert.match(inUser(made.user, made.network, "ip link set lo up && ip -o link"), /lo: <LOOPBACK,UP/);
  using further = await createNetworkIn({ helper, join: made.user });
  assert.match(inUser(made.user, further.network, "ip -o link"), /lo: <LOOPBACK> /);
  assert.notEqual(fstatSync(further.network ?? -1).ino, fstatSync(made.network ?? -1).ino);
  assert.equal(fstatSync(further.user).ino, fstatSync(made.user).ino);
  const children = execFileSync("ps", ["--no-headers", "-o", "args", "--ppid", String(process.pid)], {
    encoding: "utf8",
  });
  assert.ok(!children.includes("--namespaces"), children);
});

test("a mapping that the kernel refuses is an error, and nothing is left", async () => {
  const twice = [...ids, { containerId: 1000, hostId: 100_500, size: 10 }];
  await assert.rejects(createUserNamespace({ helper, mapping: { uids: twice, gids: twice } }), /EINVAL/);
  await assert.rejects(createUserNamespace({ helper: "/nonexistent", mapping }), /ENOENT/);
});

test("what is made on a mapped mount in the name of its root is stored as root's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-userns-"));
  for (const name of ["stored", "shown"]) mkdirSync(join(folder, name));
  using made = await createUserNamespace({ helper, mapping });
  mountIdmapped(join(folder, "stored"), join(folder, "shown"), made.user);
  try {
    const status = readFileSync("/proc/thread-self/status", "utf8");
    const write = (name: string): void => writeFileSync(join(folder, "shown", name), "");
    assert.throws(() => write("own"), /EOVERFLOW/);
    withFileOwner({ uid: 100_000, gid: 100_005 }, () => write("root"));
    assert.deepEqual([statSync(join(folder, "stored/root")).uid, statSync(join(folder, "stored/root")).gid], [0, 5]);
    assert.throws(
      () =>
        withFileOwner({ uid: 100_000, gid: 100_000 }, () => {
          throw new Error("mine");
        }),
      /mine/,
    );
    const relevant = (text: string): string[] => text.split("\n").filter((line) => /^(?:Uid|Gid|Cap\w+):/.test(line));
    assert.deepEqual(relevant(readFileSync("/proc/thread-self/status", "utf8")), relevant(status));
    withFileOwner(undefined, () => writeFileSync(join(folder, "stored/plain"), ""));
  } finally {
    umount(join(folder, "shown"), { detach: true });
    rmSync(folder, { recursive: true });
  }
});

test("a null device of one's own", () => {
  const host = statSync("/dev/null");
  const fd = openNullDevice();
  try {
    assert.equal(readlinkSync(`/proc/self/fd/${fd}`), "/null");
    assert.equal(fstatSync(fd).rdev, host.rdev);
    assert.equal(writeSync(fd, "gone"), 4);
    assert.equal(readSync(fd, Buffer.alloc(4)), 0);
    fchownSync(fd, 5, 5);
    fchmodSync(fd, 0);
    assert.deepEqual([statSync("/dev/null").uid, statSync("/dev/null").mode], [host.uid, host.mode]);
  } finally {
    closeSync(fd);
  }
});
