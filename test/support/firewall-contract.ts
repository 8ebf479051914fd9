import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { createServer as createWebServer } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Lan, sendLoopbackOut } from "./lan.ts";
import { NetworkFixture, inventory } from "./network.ts";
import type { NetworkRequest } from "../../src/daemon/network/request.ts";

const publish = (binding: string, port = "80/tcp"): Pick<NetworkRequest, "portBindings" | "exposedPorts"> => {
  const at = binding.lastIndexOf(":");
  const [HostIp, HostPort] = at < 0 ? ["", binding] : [binding.slice(0, at), binding.slice(at + 1)];
  return { portBindings: { [port]: [{ HostIp, HostPort }] }, exposedPorts: [port] };
};

/** What every firewall must hold: run by each backend, with real packets. */
export const firewallContract = (backend: string): void => {
  test(`${backend}: a published port is reached from everywhere, also where the packet turns back`, async () => {
    await using network = await NetworkFixture.start({ backend });
    using lan = new Lan();
    await network.service.create({ Name: "other" });
    const web = await network.attach(publish("8080"));
    const neighbour = await network.attach();
    const stranger = await network.attach({ endpoints: { other: {} } });
    await network.serve(web.key, "hello");
    assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello", "the host, 127.0.0.1");
    assert.equal(network.fetch("http://localhost:8080/"), "hello", "the host, localhost");
    assert.equal(network.fetch(`http://${lan.host}:8080/`), "hello", "the host, its own address");
    assert.equal(network.fetch(`http://${lan.host}:8080/`, lan.path), "hello", "another machine");
    assert.equal(network.fetch(`http://${lan.host}:8080/`, neighbour.key), "hello", "the same bridge");
    assert.equal(network.fetch(`http://${lan.host}:8080/`, stranger.key), "hello", "another bridge");
    assert.equal(network.fetch("http://172.17.0.1:8080/", stranger.key), "hello", "another bridge, by the gateway");
    assert.equal(network.fetch(`http://${lan.host}:8080/`, web.key), "hello", "itself");
    await network.service.release(web.containerId);
    assert.equal(network.fetch(`http://${lan.host}:8080/`, lan.path), null, "after the release");
  });

  test(`${backend}: bridges are apart, and containers reach the world`, async () => {
    await using network = await NetworkFixture.start({ backend });
    using lan = new Lan();
    await network.service.create({ Name: "other" });
    const web = await network.attach(publish("8080"));
    const stranger = await network.attach({ endpoints: { other: {} } });
    await network.serve(web.key, "hello");
    await network.serve(stranger.key, "strange");
    await network.serve(lan.path, "world");
    const own = `http://${stranger.networks["other"]?.IPAddress}/`;
    assert.equal(
      network.fetch("http://172.17.0.2/", stranger.key),
      null,
      "a published port, by the container's address",
    );
    assert.equal(network.fetch(own, web.key), null, "an unpublished port");
    assert.equal(network.fetch(own), "strange", "the host reaches its containers");
    assert.equal(network.fetch(`http://${lan.address}/`, web.key), "world");
    assert.equal(network.fetch(`http://${lan.address}/`, stranger.key), "world");
  });

  test(`${backend}: a neighbour of the host reaches nothing but published ports`, async () => {
    await using network = await NetworkFixture.start({ backend });
    using lan = new Lan();
    const web = await network.attach(publish("8080"));
    const local = await network.attach(publish("127.0.0.1:9090"));
    await network.serve(web.key, "hello");
    await network.serve(web.key, "hidden", 81);
    await network.serve(local.key, "local");
    lan.route("172.17.0.0/16");
    assert.equal(network.fetch("http://172.17.0.2:81/", lan.path), null, "an unpublished port");
    assert.equal(network.fetch("http://172.17.0.2/", lan.path), null, "a published port, by the container's address");
    assert.equal(network.fetch("http://127.0.0.1:9090/"), "local");
    assert.equal(network.fetch(`http://${lan.host}:9090/`, lan.path), null, "a port published on 127.0.0.1");
    assert.equal(network.fetch("http://172.17.0.3/", lan.path), null, "the same, by the container's address");
    assert.equal(network.fetch("http://172.17.0.1:9090/", web.key), null, "the same, from a container by the gateway");
    sendLoopbackOut(lan.path, lan.host);
    assert.equal(network.fetch("http://127.0.0.1:9090/", lan.path), null, "the same, by frames to 127.0.0.1");
  });

  test(`${backend}: no packet from a container or the wire reaches the host's loopback`, async () => {
    await using network = await NetworkFixture.start({ backend });
    using lan = new Lan();
    const attacker = await network.attach(publish("8080"));
    let connections = 0;
    const secret = createServer((socket) => {
      connections += 1;
      socket.end();
    });
    await new Promise<void>((resolve) => void secret.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = secret.address() as AddressInfo;
      sendLoopbackOut(attacker.key, "172.17.0.1");
      sendLoopbackOut(lan.path, lan.host);
      execFileSync("/usr/sbin/sysctl", ["-qw", "net.ipv4.conf.lan0.route_localnet=1"]);
      const knock = (path: string): Promise<unknown> =>
        new Promise((resolve) => {
          const child = network.background(path, ["/bin/busybox", "nc", "-w", "1", "127.0.0.1", String(port)]);
          child.on("exit", resolve);
        });
      await Promise.all([knock(attacker.key), knock(lan.path)]);
      assert.equal(connections, 0);
      network.disarmLoopbackGuard();
      await Promise.all([knock(attacker.key), knock(lan.path)]);
      assert.equal(connections, 2, "the attack works where the guard is missing");
    } finally {
      secret.close();
    }
  });

  test(`${backend}: an internal network leads nowhere, and nothing leads in`, async () => {
    await using network = await NetworkFixture.start({ backend });
    using lan = new Lan();
    await network.service.create({ Name: "closed", Internal: true });
    const web = await network.attach({ endpoints: { closed: {} }, ...publish("8080") });
    const friend = await network.attach({ endpoints: { closed: {} } });
    const outside = await network.attach();
    await network.serve(web.key, "hello");
    await network.serve(lan.path, "world");
    const address = web.networks["closed"]?.IPAddress ?? "";
    assert.deepEqual(web.ports, {}, "no port is published");
    assert.equal(network.fetch(`http://${address}/`, friend.key), "hello");
    assert.equal(network.fetch(`http://${address}/`, outside.key), null);
    lan.route(`${address}/32`);
    assert.equal(network.fetch(`http://${address}/`, lan.path), null);
    network.inside(web.key, ["/usr/sbin/ip", "route", "add", "default", "via", address.replace(/\d+$/, "1")]);
    assert.equal(network.fetch(`http://${lan.address}/`, web.key), null, "not even with a route of its own");
  });

  test(`${backend}: with icc=false only linked ports are open between containers`, async () => {
    await using network = await NetworkFixture.start({ backend });
    await network.service.create({ Name: "apart", Options: { "com.docker.network.bridge.enable_icc": "false" } });
    const web = await network.attach({ endpoints: { apart: {} }, ...publish("8080"), containerName: "web" });
    const other = await network.attach({ endpoints: { apart: {} } });
    const link = { containerId: web.containerId, name: "web", alias: "db", exposedPorts: ["80/tcp"] };
    const linked = await network.attach({ endpoints: { apart: {} }, links: [link] });
    await network.serve(web.key, "hello");
    await network.serve(web.key, "hidden", 81);
    const address = web.networks["apart"]?.IPAddress;
    assert.equal(network.fetch(`http://${address}/`, other.key), null);
    assert.equal(network.fetch(`http://${address}/`, linked.key), "hello");
    assert.equal(network.fetch(`http://${address}:81/`, linked.key), null);
    assert.equal(network.fetch(`http://127.0.0.1:8080/`), "hello");
    await network.service.release(linked.containerId);
  });

  test(`${backend}: IPv6 is forwarded and kept apart as IPv4 is`, async () => {
    await using network = await NetworkFixture.start({ backend });
    using lan = new Lan();
    await network.service.create({ Name: "six", EnableIPv6: true });
    await network.service.create({ Name: "other", EnableIPv6: true });
    const web = await network.attach({ endpoints: { six: {} }, ...publish("8080") });
    const stranger = await network.attach({ endpoints: { other: {} } });
    await network.serve(web.key, "hello");
    const address = web.networks["six"]?.GlobalIPv6Address;
    assert.equal(network.fetch(`http://[${lan.host6}]:8080/`, lan.path), "hello", "another machine");
    assert.equal(network.fetch(`http://[${lan.host6}]:8080/`), "hello", "the host");
    assert.equal(network.fetch(`http://[${lan.host6}]:8080/`, stranger.key), "hello", "another bridge");
    assert.equal(network.fetch(`http://[${lan.host6}]:8080/`, web.key), "hello", "itself");
    assert.equal(network.fetch(`http://[${address}]/`), "hello", "the host, by the container's address");
    assert.equal(
      network.fetch(`http://[${address}]/`, stranger.key),
      null,
      "another bridge, by the container's address",
    );
    execFileSync("/usr/sbin/ip", ["-n", "lan", "-6", "route", "add", `${address}/128`, "via", lan.host6]);
    assert.equal(network.fetch(`http://[${address}]/`, lan.path), null, "another machine, by the container's address");
  });

  test(`${backend}: rules that somebody flushed are back within a second`, async () => {
    await using network = await NetworkFixture.start({ backend });
    using lan = new Lan();
    const web = await network.attach(publish("8080"));
    await network.serve(web.key, "hello");
    await network.serve(web.key, "hidden", 81);
    lan.route("172.17.0.0/16");
    for (const program of ["iptables-restore", "ip6tables-restore"]) {
      const input = ["raw", "filter", "nat"].map((table) => `*${table}\nCOMMIT\n`).join("");
      execFileSync(`/usr/sbin/${program}`, { input });
    }
    execFileSync("/usr/sbin/nft", ["flush", "ruleset"]);
    assert.equal(network.fetch("http://172.17.0.2:81/", lan.path), "hidden", "the flush opened it");
    await sleep(1000);
    assert.equal(network.fetch(`http://${lan.host}:8080/`, lan.path), "hello");
    assert.equal(network.fetch("http://172.17.0.2:81/", lan.path), null);
  });

  test(`${backend}: a web server of the host itself is reached from containers by the gateway`, async () => {
    await using network = await NetworkFixture.start({ backend });
    const client = await network.attach();
    const server = createWebServer((_, response) => response.end("host"));
    await new Promise<void>((resolve) => void server.listen(0, "0.0.0.0", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const child = network.background(client.key, [
        "/usr/bin/curl",
        "-sf",
        "-m",
        "2",
        "-o",
        "/dev/null",
        `http://172.17.0.1:${port}/`,
      ]);
      assert.equal(await new Promise((resolve) => child.on("exit", resolve)), 0);
    } finally {
      server.close();
    }
  });

  test(`${backend}: where the engine turned forwarding on, nothing else is forwarded, also by the next daemon`, async () => {
    execFileSync("/usr/sbin/sysctl", ["-qw", "net.ipv4.ip_forward=0"]);
    await using network = await NetworkFixture.start({ backend });
    using lan = new Lan();
    using other = new Lan("far", "198.51.100");
    const client = await network.attach();
    await network.serve(other.path, "far");
    lan.route(`${other.address}/32`);
    execFileSync("/usr/sbin/ip", ["-n", "far", "route", "add", `${lan.address}/32`, "via", other.host]);
    const url = `http://${other.address}/`;
    assert.equal(network.fetch(url, client.key), "far");
    assert.equal(network.fetch(url, lan.path), null);
    await network.crash();
    await network.open();
    assert.equal(network.fetch(url, client.key), "far");
    assert.equal(network.fetch(url, lan.path), null);
    execFileSync("/usr/sbin/iptables", ["-P", "FORWARD", "ACCEPT"]);
  });

  test(`${backend}: containers that start and end at once get what they ask for, and leave nothing`, async () => {
    await using network = await NetworkFixture.start({ backend });
    const before = inventory(network.root);
    const attached = await Promise.all(
      Array.from({ length: 12 }, (_, index) => network.attach(publish(String(9000 + index)))),
    );
    assert.equal(new Set(attached.map(({ networks }) => networks["bridge"]?.IPAddress)).size, 12);
    const [last] = attached.slice(-1);
    assert.ok(last);
    await network.serve(last.key, "last");
    assert.equal(network.fetch("http://127.0.0.1:9011/"), "last");
    for (const sandbox of attached) sandbox.closeFds();
    await Promise.all(attached.map(({ containerId }) => network.service.release(containerId)));
    await network.settle();
    assert.deepEqual(inventory(network.root), before);
  });
};
