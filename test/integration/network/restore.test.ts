import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openNetworks } from "../../../src/daemon/network/open.ts";
import { Database } from "../../../src/daemon/state/database.ts";
import { decideNames } from "../../../src/daemon/network/names.ts";
import { findTraces } from "../../../src/daemon/network/traces.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../../src/linux/netlink/socket.ts";
import { NetworkFixture, inventory } from "../../support/network.ts";

const ip = (...args: string[]): string => execFileSync("/usr/sbin/ip", args, { encoding: "utf8" });

test("a new daemon adopts what runs and collects what is dead, rules and links nobody knows included", async () => {
  await using network = await NetworkFixture.start();
  await network.service.create({ Name: "front" });
  const live = await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  await network.serve(live.key, "hello");
  const before = inventory(network.root);
  const dead = await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8081" }] }, endpoints: { front: {} } });
  await network.crash();
  // What a daemon leaves that dies between making something and recording it.
  ip("link", "add", "vethlost", "type", "veth", "peer", "name", "vethlost1");
  ip("link", "set", "vethlost", "alias", `berth:${network.instance}:lost`);
  ip("link", "add", "br-lost", "type", "bridge");
  ip("link", "set", "br-lost", "alias", `berth:${network.instance}`);
  const lostRule = `-I FORWARD -i br-lost -m comment --comment berth:${network.instance} -j ACCEPT`;
  execFileSync("/usr/sbin/iptables", lostRule.split(" "));
  // And what is not ours.
  ip("link", "add", "br-other", "type", "bridge");
  ip("link", "set", "br-other", "alias", "berth:another");
  try {
    assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello", "ports work while no daemon is there");
    await network.open();
    assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello");
    await network.service.restore(new Set([live.containerId]));
    dead.closeFds();
    assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello");
    assert.deepEqual(Object.keys(network.service.inspect("front").Containers ?? {}), []);
    assert.match(ip("link"), /br-other/);
    ip("link", "del", "br-other");
    await network.settle();
    assert.deepEqual(inventory(network.root), before);
    await assert.rejects(network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] } }), /already allocated/);
    const next = await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8081" }] } });
    assert.equal(next.networks["bridge"]?.IPAddress, "172.17.0.3", "the address of the living one is not given again");
  } finally {
    execFileSync("/bin/sh", ["-c", "/usr/sbin/ip link del br-other 2>/dev/null; true"]);
  }
});

test("a network comes back after the host lost it all, as after a reboot", async () => {
  await using network = await NetworkFixture.start();
  const created = await network.service.create({ Name: "front", Options: { "com.docker.network.driver.mtu": "1400" } });
  const lost = await network.attach({ endpoints: { front: {} } });
  const before = network.service.list();
  await network.crash();
  execFileSync("/usr/sbin/ip", ["link", "del", "docker0"]);
  execFileSync("/usr/sbin/ip", ["link", "del", `br-${created.Id?.slice(0, 12)}`]);
  execFileSync("/usr/sbin/nft", ["flush", "ruleset"]);
  execFileSync("/bin/umount", [lost.key]);
  await network.open();
  await network.service.restore(new Set());
  assert.deepEqual(network.service.list(), before);
  const web = await network.attach({ endpoints: { front: {} }, portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  await network.serve(web.key, "hello");
  assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello");
  assert.match(network.inside(web.key, ["/usr/sbin/ip", "link", "show", "eth0"]), /mtu 1400/);
});

test("another engine's docker0 and chains are seen, and never touched", async () => {
  ip("link", "add", "docker0", "type", "bridge");
  ip("addr", "add", "172.17.0.1/16", "dev", "docker0");
  ip("link", "set", "docker0", "up");
  const rules =
    "*filter\n:DOCKER - [0:0]\n-A DOCKER -i docker0 -j ACCEPT\nCOMMIT\n*nat\n:DOCKER - [0:0]\n-A DOCKER -i docker0 -j RETURN\nCOMMIT\n";
  execFileSync("/usr/sbin/iptables-restore", ["--noflush"], { input: rules });
  const foreign = (): string[] => [
    execFileSync("/usr/sbin/iptables", ["-S", "DOCKER"], { encoding: "utf8" }),
    execFileSync("/usr/sbin/iptables", ["-t", "nat", "-S", "DOCKER"], { encoding: "utf8" }),
    ip("-br", "addr", "show", "docker0").replace(/\s+/g, " "),
  ];
  const before = foreign();
  using route = new NetlinkSocket(NETLINK_ROUTE);
  const savedRules = execFileSync("/usr/sbin/iptables-save", { encoding: "utf8" });
  const traces = findTraces({ instance: "test0", route, savedRules });
  assert.equal(traces.foreignBridge, true);
  assert.equal(traces.foreignChains, true);
  const names = decideNames(traces, false);
  assert.equal(names.claim, "berth");
  {
    await using network = await NetworkFixture.start({ names });
    const web = await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
    await network.serve(web.key, "hello");
    assert.equal(web.networks["bridge"]?.IPAddress, "10.201.0.2");
    assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello");
    await network.service.release(web.containerId);
    assert.deepEqual(foreign(), before);
    await network.crash();
    await network.open();
    assert.deepEqual(foreign(), before);
  }
  ip("link", "del", "docker0");
  execFileSync("/usr/sbin/nft", ["flush", "ruleset"]);
});

test("an instance knows its own traces again", async () => {
  await using network = await NetworkFixture.start();
  using route = new NetlinkSocket(NETLINK_ROUTE);
  const savedRules = execFileSync("/usr/sbin/iptables-save", { encoding: "utf8" });
  const own = findTraces({ instance: network.instance, route, savedRules });
  assert.deepEqual([own.foreignBridge, own.foreignChains], [false, false]);
  const other = findTraces({ instance: "another", route, savedRules });
  assert.deepEqual([other.foreignBridge, other.foreignChains], [true, true]);
});

test("opened as the daemon does it, names are decided once", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-network-"));
  using database = Database.open(join(root, "berth.db"));
  const open = async (claimDockerNames: boolean): Promise<string> => {
    await using networks = await openNetworks({ execRoot: root, instance: "once", database, claimDockerNames });
    return networks.inspect("bridge").Options?.["com.docker.network.bridge.name"] ?? "";
  };
  try {
    const first = await open(true);
    assert.equal(first, "docker0");
    assert.equal(await open(false), first, "as stored");
  } finally {
    ip("link", "del", "docker0");
    execFileSync("/usr/sbin/nft", ["flush", "ruleset"]);
    rmSync(root, { recursive: true });
  }
});
