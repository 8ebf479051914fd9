// A whole daemon on each storage driver: load, run, diff, commit, a kill, and nothing left behind.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Daemon } from "../../support/daemon.ts";
import { Docker } from "../../support/docker.ts";
import { empty, loadBusybox } from "../../support/engine.ts";
import { Http } from "../../support/http.ts";
import { type LoopKind, loopFilesystem, removeSubvolumes } from "../../support/loop-filesystem.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

interface Driver {
  name: string;
  on?: LoopKind;
  status: string[][] | null;
}

const overlayStatus = (filesystem: string): string[][] => [
  ["Backing Filesystem", filesystem],
  ["Supports d_type", "true"],
  ["Using metacopy", "false"],
  ["Native Overlay Diff", "true"],
  ["userxattr", "false"],
];

const drivers: Driver[] = [
  { name: "vfs", status: null },
  { name: "overlay", on: "ext4", status: overlayStatus("extfs") },
  { name: "overlay2", on: "xfs", status: overlayStatus("xfs") },
  { name: "fuse-overlayfs", status: [] },
  { name: "btrfs", on: "btrfs", status: [["Btrfs", ""]] },
];

/** A data root's place, on a filesystem of the kind or the machine's own. */
const placeOn = (kind: LoopKind | undefined): Disposable & { path: string } => {
  const place = kind === undefined ? temporaryDirectory() : loopFilesystem(kind, { sizeMiB: 512 });
  const path = join(place.path, "engine");
  mkdirSync(path);
  return {
    path,
    [Symbol.dispose]: () => {
      removeSubvolumes(join(path, "data/btrfs/subvolumes"));
      place[Symbol.dispose]();
    },
  };
};

/** Every file of a driver, but those of its trash. */
const filesOf = (root: string): string[] =>
  readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => !/^\.?trash(?:\/|$)/.test(path));

const changed = "echo new > /etc/new; rm -r /www; mkdir /www; echo 1 > /www/one; chmod 700 /home; rm /data/seed";
const diffOf = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => !/^. \/(?:root|etc)$/.test(line))
    .sort();

describe("a daemon on each storage driver", () => {
  for (const { name, on, status } of drivers) {
    test(`${name}${on === undefined ? "" : ` on ${on}`}`, async () => {
      using place = placeOn(on);
      await using daemon = await Daemon.start({ folder: place.path, args: ["--storage-driver", name] });
      const api = new Http(daemon.socketPath);
      using docker = new Docker(daemon.socketPath);
      const info = await api.ok<{ Driver: string; DriverStatus: unknown }>("GET", "/info");
      assert.deepEqual([info.Driver, info.DriverStatus], [name, status]);
      const root = join(daemon.dataRoot, name);
      const first = filesOf(root);

      await loadBusybox(api);
      await docker.ok("run", "--name", "box", "busybox", "sh", "-c", changed);
      const diff = diffOf(await docker.ok("diff", "box"));
      assert.deepEqual(
        diff.filter((line) => !line.includes("/www")),
        ["A /etc/new", "C /data", "C /home", "D /data/seed"],
      );
      assert.ok(diff.includes("A /www/one"), diff.join());
      await docker.ok("commit", "box", "changed");
      const look = "cat /etc/new; ls /www /data; stat -c %a /home";
      assert.equal(await docker.ok("run", "--rm", "changed", "sh", "-c", look), "new\n/data:\n\n/www:\none\n700");

      // What a container has mounted stays through a kill; what was half made goes.
      await docker.ok("run", "-d", "--name", "alive", "changed", "sleep", "600");
      await daemon.killAndStart();
      assert.equal(await docker.ok("exec", "alive", "cat", "/etc/new"), "new");
      await docker.ok("restart", "-t", "0", "alive");
      assert.equal(await docker.ok("exec", "alive", "sh", "-c", "echo x > /made; cat /www/one"), "1");
      assert.equal(await docker.field("alive", "{{.GraphDriver.Name}}"), name);

      await empty(api);
      await docker.ok("rmi", "-f", "busybox");
      await daemon.stop();
      await daemon.start();
      for (const end = Date.now() + 5000; Date.now() < end && filesOf(root).length > first.length;) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.deepEqual(filesOf(root), first);
      assert.equal(readFileSync("/proc/self/mountinfo", "utf8").includes(`${root}/`), false);
      assert.equal(await daemon.stop(), 0, await daemon.output());
    });
  }
});

test("a data root keeps its driver while there is something in it", async () => {
  using directory = temporaryDirectory();
  await using daemon = await Daemon.start({ folder: directory.path, args: ["--storage-driver", "vfs"] });
  const api = new Http(daemon.socketPath);
  await loadBusybox(api);
  const driverOf = async (): Promise<string> => (await api.ok<{ Driver: string }>("GET", "/info")).Driver;
  await daemon.stop();
  const startWith = (...args: string[]): Promise<Daemon> => Daemon.start({ folder: directory.path, args });
  await assert.rejects(
    startWith("--storage-driver", "overlay2"),
    /holds images and containers of the storage driver vfs/,
  );
  {
    // Without being asked it takes the one that was there.
    await using again = await startWith();
    assert.equal(await driverOf(), "vfs");
    await empty(api);
    using docker = new Docker(again.socketPath);
    await docker.ok("rmi", "-f", "busybox");
  }
  await using other = await startWith("--storage-driver", "overlay2");
  assert.equal(await driverOf(), "overlay2");
  assert.equal(existsSync(join(other.dataRoot, "vfs")), false);
});

describe("what cannot be had is refused in dockerd's words", () => {
  const cases: [args: string[], words: string][] = [
    [["btrfs"], "prerequisites for driver not satisfied (wrong filesystem?): btrfs"],
    [["zfs"], "driver not supported: zfs"],
    [["nonsense"], "driver not supported: nonsense"],
    ...["aufs", "devicemapper"].map((name): [string[], string] => [
      [name],
      `[graphdriver] ERROR: the ${name} storage-driver has been deprecated and removed; visit https://docs.docker.com/go/storage-driver/ for more information: ${name}`,
    ]),
    [["overlay2", "overlay2.nonsense=1"], "overlay2: unknown option overlay2.nonsense: overlay2"],
    [["overlay2", "nonsense"], "unable to parse storage-opt key/value: nonsense: overlay2"],
    [["overlay2", "overlay2.size=bad"], "invalid size: 'bad': overlay2"],
    [["overlay2", "btrfs.min_space=1G"], "overlay2: unknown option btrfs.min_space: overlay2"],
    [["vfs", "bad=1"], "unknown option bad for vfs: vfs"],
    [["vfs", "size=1G"], "Filesystem does not support, or has not enabled quotas: vfs"],
  ];
  for (const [[driver = "", option], words] of cases) {
    test(`${driver} ${option ?? ""}`, async () => {
      using directory = temporaryDirectory();
      const args = ["--storage-driver", driver, ...(option === undefined ? [] : ["--storage-opt", option])];
      await assert.rejects(Daemon.start({ folder: directory.path, args }), (error: Error) => {
        assert.ok(error.message.includes(`error initializing graphdriver: ${words}\n`), error.message);
        return true;
      });
      assert.equal(existsSync(join(directory.path, "data", driver)), false);
    });
  }
});

test("a default size needs project quota, and says so", async () => {
  for (const [kind, words] of [
    [
      "xfs",
      "Storage option overlay2.size not supported. Filesystem does not support Project Quota: Filesystem does not",
    ],
    [
      "ext4",
      "Storage option overlay2.size not supported. Filesystem does not support Project Quota: Filesystem does not",
    ],
    ["btrfs", "Storage Option overlay2.size only supported for backingFS XFS. Found btrfs: overlay2"],
  ] as const) {
    using place = placeOn(kind);
    const args = ["--storage-driver", "overlay2", "--storage-opt", "overlay2.size=1G"];
    await assert.rejects(Daemon.start({ folder: place.path, args }), (error: Error) => error.message.includes(words));
  }
});

test("a container is held to its size on btrfs, and its neighbours go on", async () => {
  using place = placeOn("btrfs");
  const args = ["--storage-driver", "btrfs", "--storage-opt", "btrfs.min_space=8M"];
  await using daemon = await Daemon.start({ folder: place.path, args });
  const api = new Http(daemon.socketPath);
  using docker = new Docker(daemon.socketPath);
  await loadBusybox(api);
  await docker.ok("run", "-d", "--name", "free", "busybox", "sleep", "600");
  const create = (...options: string[]) => docker.run(["create", ...options, "busybox", "true"]);
  for (const [option, words] of [
    ["size=1M", "btrfs: storage size cannot be less than 8.389MB"],
    ["size=bad", "invalid size: 'bad'"],
    ["size=0", "btrfs: invalid storage size: 0B"],
    ["nonsense=1", "Unknown option nonsense"],
  ] as const) {
    const { code, stderr } = await create("--storage-opt", option);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(words.replace(/[.()]/g, "\\$&")));
  }
  await docker.ok("run", "-d", "--storage-opt", "size=32M", "--name", "small", "busybox", "sleep", "600");
  const write = (name: string, mebibytes: number) =>
    docker.run(["exec", name, "sh", "-c", `dd if=/dev/urandom of=/file bs=1M count=${mebibytes} && sync`]);
  const full = await write("small", 64);
  assert.notEqual(full.code, 0);
  assert.match(full.stderr, /Disk quota exceeded|No space left on device/);
  assert.equal((await write("free", 64)).code, 0);
  // What it removes it can use again.
  await docker.ok("exec", "small", "sh", "-c", "rm /file; sync");
  assert.equal((await write("small", 8)).code, 0);
  await empty(api);
  await docker.ok("rmi", "-f", "busybox");
  await daemon.stop();
  rmSync(join(place.path, "data/tmp"), { recursive: true });
  // What was removed is freed behind a commit.
  for (const noun of ["filesystem", "subvolume"]) execFileSync("/usr/bin/btrfs", [noun, "sync", place.path]);
  const groups = execFileSync("/usr/bin/btrfs", ["qgroup", "show", "-r", place.path], { encoding: "utf8" });
  assert.equal(groups.split("\n").filter((line) => /^0\/[0-9]{3,}/.test(line)).length, 0, groups);
});
