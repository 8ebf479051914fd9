import assert from "node:assert/strict";
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { detectRuntime } from "../../../src/daemon/runtime/oci-runtime.ts";
import { createSpec } from "../../../src/daemon/runtime/spec/create.ts";
import { defaultMaskedPaths } from "../../../src/daemon/runtime/spec/masked-paths.ts";
import { lookupUser } from "../../../src/daemon/runtime/user/lookup.ts";
import { readUserDatabase } from "../../../src/daemon/runtime/user/read.ts";
import { members } from "../../../src/linux/cgroup/members.ts";
import { Sandbox, readOutput } from "./sandbox.ts";

const EPERM = "1";
const ENOSYS = "38";
// Source: asm/unistd_64.h, unistd_32.h, sys/socket.h.
const calls = { mount: 165, unshare: 272, keyctl: 250, clone3: 435, socket: 41, socket32: 359 };
const [AF_ALG, AF_VSOCK, AF_UNIX] = [38, 40, 1];
const SOCK_SEQPACKET = 5;

const denied = [
  `probe native ${calls.mount}`,
  `probe native ${calls.unshare} 0x10000000`,
  `probe native ${calls.keyctl}`,
];
const sockets = [AF_ALG, AF_VSOCK].flatMap((family) => [
  `probe native ${calls.socket} ${family} ${SOCK_SEQPACKET}`,
  `probe high ${calls.socket} ${family} ${SOCK_SEQPACKET}`,
  `probe x32 ${calls.socket} ${family} ${SOCK_SEQPACKET}`,
  `probe int80 ${calls.socket32} ${family} ${SOCK_SEQPACKET}`,
  `probe socketcall ${family}`,
]);
const script = [
  "grep -E '^(Seccomp|CapInh|CapAmb|CapEff):' /proc/self/status | tr '\\n' ' '",
  ...denied,
  ...sockets,
  `probe native ${calls.clone3}`,
  `probe native ${calls.socket} ${AF_UNIX} ${SOCK_SEQPACKET}`,
].join("; echo; ");

const expected = [
  "CapInh:\t0000000000000000 CapEff:\t00000000a80425fb CapAmb:\t0000000000000000 Seccomp:\t2 ",
  ...denied.map(() => EPERM),
  ...sockets.map(() => EPERM),
  ENOSYS,
  "0",
];

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

for (const runtime of ["crun", "runc"]) {
  test(`${runtime}: the filter and the capabilities hold in run and in exec`, async () => {
    await using sandbox = await Sandbox.open();
    await sandbox.addProbe();
    // With runc the filter is libseccomp's, which opens socketcall(SYS_SOCKET) wherever it opens socket.
    const known = (line: string, index: number): boolean =>
      runtime === "crun" || !script.split("; echo; ")[index]?.includes("socketcall") || line === "";
    const wanted = expected.filter(known);
    const ran = await sandbox.run({ Cmd: ["sh", "-c", script] }, {}, {}, runtime);
    assert.deepEqual(linesOf(ran.stdout).filter(known), wanted, ran.stderr);

    const input = sandbox.input({ Cmd: ["sleep", "100"] });
    const spec = createSpec(input);
    const task = await sandbox.start(spec, input.id, { runtime });
    const exec = await task.exec({
      dir: join(sandbox.dir(input.id), "execs/a"),
      process: { ...spec.process, args: ["sh", "-c", script] },
      attach: [{ stdin: false, stdout: true, stderr: true, raw: false }],
    });
    assert.deepEqual(linesOf((await readOutput(exec.attached[0])).stdout).filter(known), wanted);
    assert.equal((await exec.exited).exitCode, 0);
    exec[Symbol.dispose]();
  });

  test(`${runtime}: masked paths are empty, read-only paths refuse writes`, async () => {
    await using sandbox = await Sandbox.open();
    const masked = [...defaultMaskedPaths, ...sandbox.host.thermalThrottlePaths];
    const read = masked.map((path) => `if [ -d ${path} ]; then ls ${path}; else cat ${path} 2>/dev/null; fi | wc -c`);
    const writes = ["core_pattern", "sysrq"].map((name) => `(echo x > /proc/sys/kernel/${name}) 2>/dev/null; echo $?`);
    const sysrq = "(echo h > /proc/sysrq-trigger) 2>/dev/null; echo $?";
    const { stdout } = await sandbox.run(
      { Cmd: ["sh", "-c", [...read, ...writes, sysrq].join("; ")] },
      {},
      {},
      runtime,
    );
    assert.deepEqual(linesOf(stdout), [...masked.map(() => "0"), "1", "1", "1"]);
  });

  test(`${runtime}: a working directory below /proc/self/fd never shows the host`, async () => {
    await using sandbox = await Sandbox.open();
    for (let fd = 3; fd <= 64; fd += fd < 12 ? 1 : 13) {
      await assert.rejects(
        sandbox.run({ Cmd: ["pwd"], WorkingDir: `/proc/self/fd/${fd}` }, {}, {}, runtime),
        /not allowed/,
      );
    }
    symlinkSync("/proc/self/fd/7", join(sandbox.rootfs, "link"));
    await assert.rejects(sandbox.run({ Cmd: ["pwd"], WorkingDir: "/link" }, {}, {}, runtime));
    // ls holds one more itself: the folder it reads.
    const { stdout } = await sandbox.run({ Cmd: ["ls", "/proc/self/fd"] }, {}, {}, runtime);
    assert.deepEqual(linesOf(stdout), ["0", "1", "2", "3"]);
  });
}

test("a working directory behind a volume's symlink meets no descriptor of the host", async () => {
  await using sandbox = await Sandbox.open();
  // Only the runtime sees where this leads; the check before the start cannot.
  const volume = join(sandbox.root, "volume");
  mkdirSync(volume);
  writeFileSync(join(sandbox.root, "canary"), "");
  for (const runtime of ["crun", "runc"]) {
    for (let fd = 3; fd <= 24; fd += 1) {
      symlinkSync(`/proc/self/fd/${fd}`, join(volume, `${runtime}-${fd}`));
      const escape = `if ls ../../../../../../..${sandbox.root}/canary; then echo escaped; fi`;
      const mounts = [{ source: volume, destination: "/v", readOnly: true }];
      const config = { Cmd: ["sh", "-c", escape], WorkingDir: `/v/${runtime}-${fd}` };
      const stdout = await sandbox.run(config, {}, { mounts }, runtime).then(
        (result) => result.stdout,
        () => "",
      );
      assert.equal(stdout, "", `${runtime} ${fd}`);
    }
  }
});

test("an image whose /dev, /proc or /sys leads elsewhere is not run", async () => {
  await using sandbox = await Sandbox.open();
  const canary = join(sandbox.root, "canary");
  mkdirSync(canary);
  for (const name of ["dev", "proc", "sys"]) {
    const rootfs = join(sandbox.root, `evil-${name}`);
    sandbox.makeRoot(rootfs);
    rmSync(join(rootfs, name), { recursive: true });
    symlinkSync(canary, join(rootfs, name));
    await assert.rejects(sandbox.run({ Cmd: ["true"] }, {}, { rootfs }), /is not a directory/);
  }
  assert.deepEqual(readdirSync(canary), []);
});

test("symlinks in the image's /dev lead nowhere, with a terminal too", async () => {
  await using sandbox = await Sandbox.open();
  const canary = join(sandbox.root, "canary");
  writeFileSync(canary, "untouched", { mode: 0o600 });
  for (const name of ["null", "console", "ptmx", "fd", "shm", "pts", "mqueue"]) {
    symlinkSync(`../../../../../../..${canary}`, join(sandbox.rootfs, "dev", name));
  }
  symlinkSync(canary, join(sandbox.rootfs, "etc/hosts"));
  writeFileSync(join(sandbox.root, "hosts"), "127.0.0.1 localhost");
  for (const runtime of ["crun", "runc"]) {
    const input = sandbox.input(
      { Cmd: ["sh", "-c", "echo x > /dev/console; echo x > /dev/null; cat /etc/hosts"], Tty: true },
      {},
      { files: { hosts: join(sandbox.root, "hosts") } },
    );
    const terminal = { rows: 24, columns: 80 };
    const task = await sandbox.start(createSpec(input), input.id, { runtime, terminal });
    await Promise.all([readOutput(task.attached[0]).catch(() => null), task.exited]);
    await task.delete();
  }
  assert.equal(readFileSync(canary, "utf8"), "untouched");
});

test("a runtime that applies no filter is found out", async () => {
  await using sandbox = await Sandbox.open();
  const spec = createSpec(sandbox.input({ Cmd: ["sleep", "100"] }));
  const lax = { ...spec, annotations: {} };
  const wrapper = join(sandbox.root, "lax-runtime");
  const drop = `/bin/busybox sed -i 's/"seccomp":{.*},"maskedPaths"/"maskedPaths"/'`;
  writeFileSync(
    wrapper,
    `#!/bin/sh\nfor a; do [ "$b" = --bundle ] && ${drop} "$a/config.json"; b=$a; done\nexec /usr/bin/crun "$@"\n`,
    { mode: 0o755 },
  );
  const runtime = sandbox.another([{ ...(await detectRuntime("crun", "/usr/bin/crun")), path: wrapper }]);
  const { id } = sandbox.input({});
  await assert.rejects(runtime.start({ id, dir: sandbox.dir(id), spec: lax }), /without its seccomp filter/);
  assert.deepEqual(members(sandbox.cgroups, join(sandbox.parent, spec.linux.cgroupsPath?.split("/").at(-1) ?? "")), []);
});

test("nothing is mounted inside /proc", async () => {
  await using sandbox = await Sandbox.open();
  const mounts = [{ source: sandbox.root, destination: "/proc", readOnly: false }];
  await assert.rejects(sandbox.run({ Cmd: ["true"] }, {}, { mounts }), /cannot be mounted because it is inside \/proc/);
});

test("users are who they say, in run and in exec", async () => {
  const before = [statSync("/dev/null").uid, statSync("/dev/null").gid];
  await using sandbox = await Sandbox.open();
  const table: [string, string][] = [
    ["1", "uid=1 gid=0(root) groups=0(root)"],
    ["1:1", "uid=1 gid=1 groups=1"],
    ["0001", "uid=1 gid=0(root) groups=0(root)"],
    ["1000", "uid=1000 gid=0(root) groups=0(root)"],
    ["user", "uid=1234(user) gid=100(users) groups=10(wheel),100(users)"],
  ];
  const input = sandbox.input({ Cmd: ["sleep", "100"] });
  const spec = createSpec(input);
  const task = await sandbox.start(spec, input.id);
  for (const [user, id] of table) {
    const { stdout } = await sandbox.run({ User: user, Cmd: ["id"] });
    assert.equal(stdout.trim(), id, user);
    const found = lookupUser(user, readUserDatabase(sandbox.rootfs));
    const exec = await task.exec({
      dir: join(sandbox.dir(input.id), "execs", user.replace(":", "-")),
      process: {
        ...spec.process,
        user: { uid: found.uid, gid: found.gid, additionalGids: [...found.additionalGids] },
        args: ["id"],
      },
      attach: [{ stdin: false, stdout: true, stderr: true, raw: false }],
    });
    assert.equal((await readOutput(exec.attached[0])).stdout.trim(), id, `exec ${user}`);
    const { uid, gid } = statSync("/dev/null");
    assert.deepEqual([uid, gid], before, "the host's /dev/null keeps its owner");
    await exec.exited;
    exec[Symbol.dispose]();
  }
});

test("a group file of a gibibyte is refused", async () => {
  await using sandbox = await Sandbox.open();
  writeFileSync(join(sandbox.rootfs, "etc/group"), "");
  truncateSync(join(sandbox.rootfs, "etc/group"), 1024 ** 3);
  await assert.rejects(sandbox.run({ User: "user", Cmd: ["id"] }), /larger than/);
});
