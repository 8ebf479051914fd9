import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { knownCapabilities } from "../../../src/daemon/runtime/spec/capabilities.ts";
import { createSpec } from "../../../src/daemon/runtime/spec/create.ts";
import { mount, umount } from "../../../src/linux/mount/mount.ts";
import type { ContainerConfig, HostConfig } from "../../../src/wire/engine/container.ts";
import { Sandbox } from "./sandbox.ts";

for (const runtime of ["crun", "runc"]) {
  const shell = async (
    sandbox: Sandbox,
    script: string,
    hostConfig: HostConfig = {},
    rest: Parameters<Sandbox["run"]>[2] & { config?: ContainerConfig } = {},
  ): Promise<string> => {
    const { config, ...input } = rest;
    const { stdout, stderr } = await sandbox.run({ ...config, Cmd: ["sh", "-c", script] }, hostConfig, input, runtime);
    return stdout + stderr;
  };

  test(`${runtime}: a privileged container has every capability, every device, and no filter`, async () => {
    await using sandbox = await Sandbox.open();
    const script =
      "grep -E 'CapEff|Seccomp:' /proc/self/status | tr '\\n' ' '; mount -t tmpfs x /tmp && echo mounted; [ -c /dev/kmsg ] && echo kmsg";
    const own = BigInt(sandbox.host.capabilities.reduce((sum, name) => sum | (1n << BigInt(bitOf(name))), 0n));
    assert.equal(
      await shell(sandbox, script, { Privileged: true }),
      `CapEff:\t${own.toString(16).padStart(16, "0")} Seccomp:\t0 mounted\nkmsg\n`,
    );
  });

  test(`${runtime}: a user other than root has no capability`, async () => {
    await using sandbox = await Sandbox.open();
    const script = "grep -E '^Cap(Eff|Prm|Inh|Amb)' /proc/self/status | cut -f2 | sort -u";
    assert.equal(await shell(sandbox, script, {}, { config: { User: "user" } }), "0000000000000000\n");
  });

  test(`${runtime}: docker-init is process 1 when asked for`, async () => {
    await using sandbox = await Sandbox.open();
    const out = await shell(sandbox, "tr '\\0' ' ' < /proc/1/cmdline", { Init: true });
    assert.match(out, /^\/sbin\/docker-init -- sh -c /);
  });

  test(`${runtime}: a read-only root is one, its tmpfs and /dev/shm are not`, async () => {
    await using sandbox = await Sandbox.open();
    const tmpfs = [{ destination: "/tmp", options: "size=1m,exec" }];
    const script =
      "touch /x 2>/dev/null || echo refused; touch /tmp/x /dev/shm/x && echo ok; grep ' /tmp ' /proc/mounts";
    const out = await shell(sandbox, script, { ReadonlyRootfs: true, ShmSize: 1 << 20 }, { tmpfs });
    assert.match(out, /^refused\nok\ntmpfs \/tmp tmpfs rw,nosuid,nodev,relatime,size=1024k/);
    assert.ok(!existsSync(join(sandbox.rootfs, "x")));
  });

  test(`${runtime}: a read-only bind is read-only to its depth, and where the user says so`, async () => {
    await using sandbox = await Sandbox.open();
    const source = mkdtempSync(join(tmpdir(), "berth-bind-"));
    mkdirSync(join(source, "below"));
    mount("tmpfs", join(source, "below"), "tmpfs");
    try {
      const script = "touch /b/x 2>/dev/null || echo top; touch /b/below/x 2>/dev/null || echo below";
      const bind = { source, destination: "/b", readOnly: true };
      assert.equal(await shell(sandbox, script, {}, { mounts: [bind] }), "top\nbelow\n");
      assert.equal(await shell(sandbox, script, {}, { mounts: [{ ...bind, readOnlyNonRecursive: true }] }), "top\n");
    } finally {
      umount(join(source, "below"));
      rmSync(source, { recursive: true });
    }
  });

  test(`${runtime}: limits, kernel settings, names and the working directory`, async () => {
    await using sandbox = await Sandbox.open();
    const script = [
      "ulimit -n",
      "cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/core/somaxconn",
      "hostname; cat /proc/sys/kernel/domainname; pwd; cat /proc/self/status | grep NoNewPrivs",
    ].join("; ");
    const out = await shell(
      sandbox,
      script,
      {
        Ulimits: [{ Name: "nofile", Soft: 99, Hard: 100 }],
        OomScoreAdj: 77,
        Sysctls: { "net.core.somaxconn": "321" },
        SecurityOpt: ["no-new-privileges"],
      },
      { config: { Hostname: "name", Domainname: "domain", WorkingDir: "/made/for/you" } },
    );
    assert.equal(out, "99\n77\n0\n321\nname\ndomain\n/made/for/you\nNoNewPrivs:\t1\n");
    assert.equal(statSync(join(sandbox.rootfs, "made/for/you")).mode & 0o777, 0o755);
  });

  test(`${runtime}: a device is there only when asked for, and only as far`, async () => {
    await using sandbox = await Sandbox.open();
    const script = "head -c 0 < /dev/mine && echo read; (: > /dev/mine) 2>/dev/null || echo 'not written'";
    const hostConfig = {
      Devices: [{ PathOnHost: "/dev/loop0", PathInContainer: "/dev/mine", CgroupPermissions: "r" }],
    };
    assert.equal(await shell(sandbox, script, hostConfig), "read\nnot written\n");
    assert.match(await shell(sandbox, "ls /dev/loop0"), /No such file/);
    await assert.rejects(
      shell(sandbox, "true", { Devices: [{ PathOnHost: "/dev/none", PathInContainer: "/dev/none" }] }),
      /error gathering device information while adding custom device "\/dev\/none": no such file or directory/,
    );
    await assert.rejects(
      shell(sandbox, "true", { Devices: [{ PathOnHost: "/etc/hostname", PathInContainer: "/x" }] }),
      /not a device node/,
    );
  });

  test(`${runtime}: a terminal of the given size, and its output as it is`, async () => {
    await using sandbox = await Sandbox.open();
    const input = sandbox.input({ Cmd: ["sh", "-c", "stty size; tty; echo $TERM"], Tty: true });
    const task = await sandbox.start(createSpec(input), input.id, {
      runtime,
      terminal: { rows: 33, columns: 77 },
      attach: [{ stdin: false, stdout: true, stderr: true, raw: true }],
    });
    const [socket] = task.attached;
    assert.ok(socket);
    assert.match(await text(socket), /^33 77\r\n.*xterm\r\n$/s);
    assert.equal((await task.exited).exitCode, 0);
  });
}

test("what a runtime left of a container that never ran is cleaned up", async () => {
  await using sandbox = await Sandbox.open();
  await assert.rejects(sandbox.run({ Cmd: ["nope"] }));
  writeFileSync(join(sandbox.rootfs, "etc/passwd"), "");
  await assert.rejects(sandbox.run({ Cmd: ["id"], User: "ghost" }), /unable to find user ghost/);
  assert.ok(!existsSync(join(sandbox.root, "state/crun", "nope")));
});

const bitOf = (name: string): number => knownCapabilities.indexOf(name);
