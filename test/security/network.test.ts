// What reaches what, with real packets: containers, another machine on the host's wire, and the host itself.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { addressOf, fetchFrom, namespaceOf, world } from "./world.ts";

test("no container speaks to a listener of the daemon, other machines do", async () => {
  await using here = await world(["--host", "tcp://0.0.0.0:2375"]);
  const { engine, lan } = here;
  const ping = (address: string) => `http://${address}:2375/_ping`;
  await engine.ok("network", "create", "--ipv6", "six");
  assert.equal(await fetchFrom(null, ping("127.0.0.1")), "OK");
  assert.equal(await fetchFrom(null, ping("172.17.0.1")), "OK", "the host by the gateway");
  assert.equal(await fetchFrom(lan.path, ping(lan.host)), "OK", "it listens for all the world");
  for (const network of ["bridge", "six"]) {
    const id = await engine.ok("run", "-d", "--privileged", "--network", network, "attack", "sleep", "100");
    const inside = await namespaceOf(engine, id);
    const gateway = (await addressOf(engine, id, network)).replace(/\d+$/, "1");
    for (const address of [gateway, lan.host, "172.17.0.1"])
      assert.equal(await fetchFrom(inside, ping(address)), null, `${address} from ${network}`);
    // An address of the container's own choice: the answers must not find the way back.
    const ip = (...words: string[]) => spawnSync("/usr/bin/nsenter", [`--net=${inside}`, "/usr/sbin/ip", ...words]);
    ip("addr", "add", "192.0.2.77/32", "dev", "eth0");
    ip("route", "replace", "default", "via", gateway, "src", "192.0.2.77");
    assert.equal(await fetchFrom(inside, ping(gateway)), null, `a forged source from ${network}`);
  }
});

test("with the host's network a container finds no engine socket to connect to", async () => {
  await using here = await world();
  const { engine } = here;
  await engine.ok("run", "-d", "attack", "sleep", "100");
  const table = await engine.ok("run", "--rm", "--network", "host", "attack", "cat", "/proc/net/unix");
  const names = table.split("\n").map((line) => line.trim().split(/\s+/)[7] ?? "");
  // Names with a slash are files, which the container has not; abstract ones would be open to it.
  assert.deepEqual(
    names.filter((name) => name.startsWith("@") && /berth|docker|shim|crun|runc/.test(name)),
    [],
  );
  assert.deepEqual(
    names.filter((name) => name.startsWith("@")),
    [],
  );
});

test("an internal network asks nobody, whatever the name", async () => {
  await using here = await world();
  const { engine } = here;
  const asked: string[] = [];
  const server = createSocket("udp4");
  server.on("message", (bytes) => asked.push(bytes.toString("latin1")));
  await new Promise<void>((resolve) => void server.bind(53, "127.0.0.1", resolve));
  try {
    await engine.ok("network", "create", "--internal", "closed");
    await engine.ok("network", "create", "open");
    const ask = (network: string, name: string) =>
      engine.docker([
        "run",
        "--rm",
        "--dns",
        "127.0.0.1",
        "--network",
        network,
        "attack",
        "timeout",
        "2",
        "nslookup",
        name,
      ]);
    for (const name of ["secret.example.test", "a.b.c.d.e", "example", "1.2.3.4.in-addr.arpa"])
      await ask("closed", name);
    assert.deepEqual(asked, []);
    await ask("open", "secret.example.test");
    assert.ok(asked.length > 0, "an open network asks");
  } finally {
    server.close();
  }
});

test("router advertisements mean nothing to the host or a container, and no IPv6 is there unasked", async () => {
  await using here = await world();
  const { engine } = here;
  await engine.ok("network", "create", "--ipv6", "six");
  const id = await engine.ok("run", "-d", "--network", "six", "attack", "sleep", "100");
  const attacker = await engine.ok("run", "-d", "--privileged", "--network", "six", "attack", "sleep", "100");
  const outside = await namespaceOf(engine, attacker);
  const links = ["/usr/sbin/ip", "-6", "addr", "show", "dev", "eth0", "scope", "link"];
  // An advertisement counts only from a link's address, which is usable after a second.
  for (let ready = false; !ready; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const shown = execFileSync("/usr/bin/nsenter", [`--net=${outside}`, ...links], { encoding: "utf8" });
    ready = shown.includes("fe80") && !shown.includes("tentative");
  }
  const advertise = `
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
prefix = socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
ra = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + struct.pack("!BBBBIII16s", 3, 4, 64, 0xc0, 7200, 7200, 0, prefix)
for i in range(3): s.sendto(ra, ("ff02::1%eth0", 0, 0, socket.if_nametoindex("eth0")))
`;
  execFileSync("/usr/bin/nsenter", [
    `--net=${await namespaceOf(engine, attacker)}`,
    "/usr/bin/python3",
    "-c",
    advertise,
  ]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const inside = await namespaceOf(engine, id);
  for (const path of ["/proc/self/ns/net", inside]) {
    const seen = ["addr", "route"].map((what) =>
      execFileSync("/usr/bin/nsenter", [`--net=${path}`, "/usr/sbin/ip", "-6", what], { encoding: "utf8" }),
    );
    assert.doesNotMatch(seen.join("\n"), /2001:db8:bad|proto ra/, path);
  }
  const four = await engine.ok("run", "--rm", "attack", "sh", "-c", "cat /proc/net/if_inet6; true");
  assert.doesNotMatch(four, /eth0/);
});
