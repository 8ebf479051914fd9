import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { newId, shortId } from "../../../src/base/ids.ts";
import { mountTable } from "../../../src/linux/mount/table.ts";
import { socketpair } from "../../../src/linux/socket/socketpair.ts";
import { descriptorSlack, type LeakKind, type Scope, surplus, takeInventory } from "../../support/leaks.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const run = (program: string, ...args: string[]): void => {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
};
const cgroupParent = `/berth-leaks-${shortId(newId())}`;

/** Each leaves one thing and returns what takes it away. */
const plants: Record<LeakKind, (folder: string) => (() => unknown) | Promise<() => unknown>> = {
  mount: (folder) => {
    const target = join(folder, "mounted");
    mkdirSync(target);
    run("/bin/mount", "-t", "tmpfs", "tmpfs", target);
    return () => run("/bin/umount", target);
  },
  namespace: (folder) => {
    const pin = join(folder, "pin");
    closeSync(openSync(pin, "w"));
    run("/usr/bin/unshare", `--net=${pin}`, "/bin/true");
    return () => run("/bin/umount", pin);
  },
  link: () => {
    run("/usr/sbin/ip", "link", "add", "leak0", "type", "veth", "peer", "name", "leak1");
    return () => run("/usr/sbin/ip", "link", "del", "leak0");
  },
  rule: () => {
    run("/usr/sbin/iptables", "-A", "FORWARD", "-s", "192.0.2.1", "-j", "DROP");
    return () => run("/usr/sbin/iptables", "-D", "FORWARD", "-s", "192.0.2.1", "-j", "DROP");
  },
  conntrack: () => {
    const entry = ["-s", "192.0.2.1", "-d", "192.0.2.2", "-p", "udp", "--sport", "1", "--dport", "2"];
    run("/usr/sbin/conntrack", "-I", ...entry, "-t", "60");
    return () => run("/usr/sbin/conntrack", "-D", ...entry);
  },
  cgroup: () => {
    const root = mountTable().find(({ type }) => type === "cgroup" || type === "cgroup2")?.target ?? "";
    mkdirSync(join(root, cgroupParent, "leak"), { recursive: true });
    return () => {
      rmdirSync(join(root, cgroupParent, "leak"));
      rmdirSync(join(root, cgroupParent));
    };
  },
  process: () => {
    const child = spawn("/bin/sleep", ["60"], { stdio: "ignore" });
    return async () => {
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("exit", resolve));
    };
  },
  file: (folder) => {
    writeFileSync(join(folder, "leak"), "");
    return () => rmSync(join(folder, "leak"));
  },
  port: async () => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    return () => new Promise((resolve) => server.close(resolve));
  },
  descriptor: () => {
    const fds = Array.from({ length: descriptorSlack }, socketpair).flat();
    return () => fds.forEach((fd) => closeSync(fd));
  },
};

for (const kind of Object.keys(plants) as LeakKind[]) {
  test(`a planted ${kind} is found, and no longer once it is gone`, async () => {
    using folder = temporaryDirectory();
    const watched = join(folder.path, "watched");
    mkdirSync(watched);
    const scope: Scope = {
      folders: [kind === "file" ? watched : join(folder.path, "other")],
      cgroupParent,
      ...(kind === "descriptor" ? { daemonPid: process.pid } : {}),
    };
    const found = (before: ReturnType<typeof takeInventory>): string[] => {
      const now = takeInventory(scope);
      return (Object.keys(now) as LeakKind[]).flatMap((one) => surplus(one, before[one], now[one]).map(() => one));
    };
    for (const verb of ["-A", "-D"]) run("/usr/sbin/iptables", verb, "FORWARD", "-j", "DROP"); // makes the table, once
    const before = takeInventory(scope);
    const remove = await plants[kind](watched);
    try {
      const kinds = new Set(found(before));
      assert.deepEqual([...kinds], [kind]);
    } finally {
      await remove();
    }
    assert.deepEqual(found(before), []);
  });
}
