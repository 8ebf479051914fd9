// What a process finds in a container of an engine with --userns-remap, whatever the OCI runtime.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { Engine } from "../../support/engine.ts";
import { ranges } from "../../support/private-etc.ts";

const hostNull = (): string => execFileSync("stat", ["-c", "%u:%g %a", "/dev/null"], { encoding: "utf8" }).trim();
const words = (text: string): string => text.trim().replace(/\s+/g, " ");

export const processTests = (engine: Engine): void => {
  const run = (...args: string[]): Promise<string> => engine.docker.ok("run", "--rm", ...args);
  const mapped = `0 ${ranges.first} ${ranges.size}`;

  test("a process has the mapping, and everything of its container", async () => {
    const maps = await run("busybox", "sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map");
    assert.equal(words(maps), `${mapped} ${mapped}`);
    const places = [
      "/",
      "/etc",
      "/etc/hosts",
      "/etc/hostname",
      "/etc/resolv.conf",
      "/dev",
      "/dev/shm",
      "/t",
      "/w/here",
    ];
    assert.deepEqual(
      (await run("--tmpfs", "/t", "-w", "/w/here", "busybox", "stat", "-c", "%n %u:%g", ...places)).split("\n"),
      places.map((place) => `${place} 0:0`),
    );
    assert.equal(await run("busybox", "stat", "-c", "%u:%g %a", "/data/seed"), "1000:1000 640");
    assert.equal(await run("-u", "1000", "busybox", "sh", "-c", "id -u; echo out >/dev/stdout"), "1000\nout");
    assert.match(await run("-t", "busybox", "tty"), /\/dev\/pts\/0/);
  });

  test("its network is its own: addresses, ping, sysctls", async () => {
    const script = `ping -c1 -W2 "$(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')" >/dev/null && echo ping
      ip link add br9 type bridge && ip link set br9 up && echo link
      cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/conf/all/forwarding
      readlink /proc/self/ns/user >/dev/null && mount | grep -q '^sysfs on /sys type sysfs' && echo sysfs`;
    const args = [
      "--cap-add",
      "NET_ADMIN",
      "--sysctl",
      "net.ipv4.conf.all.forwarding=1",
      "busybox",
      "sh",
      "-c",
      script,
    ];
    assert.equal(await run(...args), "ping\nlink\n0\n1\nsysfs");
    assert.equal(
      await run("--network", "none", "busybox", "ip", "-o", "link"),
      await run("--network", "none", "--userns", "host", "busybox", "ip", "-o", "link"),
    );
  });

  test("the host's /dev/null stays what it is", async () => {
    const before = hostNull();
    await run("busybox", "true");
    await run("-t", "-u", "1000", "busybox", "true");
    await engine.docker.ok("run", "-d", "--name", "nulls", "busybox", "sleep", "60");
    await engine.docker.ok("exec", "-u", "1000", "nulls", "true");
    await engine.docker.ok("exec", "-t", "nulls", "true");
    assert.equal((await engine.docker.run(["exec", "nulls", "chmod", "0", "/dev/null"])).code, 1);
    await engine.docker.ok("exec", "nulls", "sh", "-c", "cat /proc/self/fd/0; echo gone >/dev/null");
    await engine.docker.ok("rm", "-f", "nulls");
    assert.equal(hostNull(), before);
  });
};
