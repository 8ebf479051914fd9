import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { type Server, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isKind } from "../../../src/base/errors.ts";
import { Lan } from "../../support/lan.ts";
import { NetworkFixture, inventory } from "../../support/network.ts";

const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve) => void server.listen(port, host, resolve));

test("a taken port is told in Docker's words, and nothing is left of the attempt", async () => {
  await using network = await NetworkFixture.start();
  await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  const before = inventory(network.root);
  const prefix =
    "^failed to set up container networking: driver failed programming external connectivity on endpoint c4 \\([0-9a-f]{64}\\): ";
  const attempt = (HostPort: string, HostIp = ""): Promise<unknown> =>
    network.attach({ containerName: "c4", portBindings: { "80/tcp": [{ HostIp, HostPort }] } });
  const refused = (text: string) => (error: unknown) => {
    assert.ok(isKind(error, "system"));
    assert.match(String((error as Error).message), new RegExp(`${prefix}${text}$`));
    return true;
  };
  await assert.rejects(attempt("8080"), refused("Bind for :::8080 failed: port is already allocated"));
  await assert.rejects(
    attempt("8080", "127.0.0.1"),
    refused("Bind for 127.0.0.1:8080 failed: port is already allocated"),
  );
  const server = createServer();
  await listen(server, 8099, "0.0.0.0");
  try {
    await assert.rejects(
      attempt("8099"),
      refused("failed to bind host port for 0.0.0.0:8099:172.17.0.3:80/tcp: address already in use"),
    );
    await assert.rejects(
      attempt("8090", "203.0.113.9"),
      refused("failed to bind host port for 203.0.113.9:8090:172.17.0.3:80/tcp: cannot assign requested address"),
    );
  } finally {
    server.close();
  }
  await sleep(700);
  await network.service.restore(new Set(Object.keys(network.service.inspect("bridge").Containers ?? {})));
  assert.deepEqual(inventory(network.root), before);
});

test("a program of the host cannot take a published port", async () => {
  await using network = await NetworkFixture.start();
  await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  const server = createServer();
  await assert.rejects(
    new Promise((resolve, reject) => server.once("error", reject).listen(8080, "0.0.0.0", () => resolve(null))),
    { code: "EADDRINUSE" },
  );
});

test("ranges and -P take the next free port", async () => {
  await using network = await NetworkFixture.start();
  const range = { "80/tcp": [{ HostPort: "7000-7001" }] };
  const first = await network.attach({ portBindings: range });
  const second = await network.attach({ portBindings: range });
  assert.equal(first.ports["80/tcp"]?.[0]?.HostPort, "7000");
  assert.equal(second.ports["80/tcp"]?.[0]?.HostPort, "7001");
  await assert.rejects(network.attach({ portBindings: range }), /port is already allocated/);
  const all = await network.attach({ exposedPorts: ["80/tcp", "53/udp"], publishAll: true });
  const [tcp, udp] = [all.ports["80/tcp"]?.[0], all.ports["53/udp"]?.[0]];
  assert.ok(Number(tcp?.HostPort) >= 32768 && Number(udp?.HostPort) >= 32768);
});

test("[::1] and [::] reach a container without IPv6 through a relay", async () => {
  await using network = await NetworkFixture.start();
  using lan = new Lan();
  const web = await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  await network.serve(web.key, "hello");
  const [relay] = web.relays;
  assert.deepEqual(relay?.target, { address: "172.17.0.2", port: 80 });
  assert.equal(web.relays.length, 1);
  assert.equal(web.holdFds.length, 1);
  // A process that inherits the socket plays the shim.
  const shim = spawn(
    process.execPath,
    [
      "-e",
      `const net = require("net");
       net.createServer((s) => { const up = net.connect(80, "172.17.0.2"); s.pipe(up).pipe(s); }).listen({ fd: 3 });`,
    ],
    { stdio: ["ignore", "ignore", "inherit", relay?.fd ?? -1] },
  );
  web.closeFds();
  try {
    const fetched = (url: string, path: string | null): Promise<unknown> =>
      new Promise((resolve) => {
        const child = network.background(path, ["/usr/bin/curl", "-sfg", "-m", "2", "-o", "/dev/null", url]);
        child.on("exit", resolve);
      });
    assert.equal(await fetched("http://[::1]:8080/", null), 0);
    assert.equal(await fetched(`http://[${lan.host6}]:8080/`, lan.path), 0);
  } finally {
    shim.kill();
  }
});

test("a UDP port moves to the next container under traffic", async () => {
  await using network = await NetworkFixture.start();
  using lan = new Lan();
  const received: string[] = [];
  const echo = async (name: string): Promise<() => Promise<void>> => {
    const sandbox = await network.attach({
      portBindings: { "53/udp": [{ HostPort: "5353" }] },
      exposedPorts: ["53/udp"],
    });
    network.background(sandbox.key, [
      process.execPath,
      "-e",
      `const s = require("dgram").createSocket("udp4");
       s.on("message", (_, from) => s.send("${name}\\n", from.port, from.address)); s.bind(53);`,
    ]);
    return async () => {
      sandbox.closeFds();
      await network.service.release(sandbox.containerId);
    };
  };
  // One client that keeps its port: the kernel sees one flow.
  const client = network.background(
    lan.path,
    [
      process.execPath,
      "-e",
      `const s=require("dgram").createSocket("udp4");s.on("message",m=>process.stdout.write(m));
     s.bind(4000,()=>setInterval(()=>s.send("x",5353,"${lan.host}"),50));`,
    ],
    "pipe",
  );
  client.stdout?.on("data", (data: Buffer) => received.push(...data.toString().split("\n").filter(Boolean)));
  const until = async (name: string): Promise<void> => {
    const end = performance.now() + 8000;
    while (!received.includes(name) && performance.now() < end) await sleep(50);
    assert.ok(received.includes(name), `${name} never answered: ${received.join(" ")}`);
  };
  const endFirst = await echo("first");
  await until("first");
  await endFirst();
  received.length = 0;
  // Datagrams meet a closed port meanwhile: a flow without translation begins.
  await sleep(200);
  await echo("second");
  await until("second");
  assert.ok(!received.includes("first"));
});

test("twenty containers in a row on one port: each next request meets the new one", async () => {
  await using network = await NetworkFixture.start();
  for (let turn = 0; turn < 20; turn += 1) {
    const web = await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
    await network.serve(web.key, `turn ${turn}`);
    assert.equal(network.fetch("http://127.0.0.1:8080/"), `turn ${turn}`);
    web.closeFds();
    await network.service.release(web.containerId);
  }
});

test("a released container leaves no tracked connection", async () => {
  await using network = await NetworkFixture.start();
  const web = await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  await network.serve(web.key, "hello");
  assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello");
  const tracked = (): string =>
    execFileSync("/usr/sbin/conntrack", ["-L"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  assert.match(tracked(), /172\.17\.0\.2/);
  await network.service.release(web.containerId);
  await sleep(100);
  assert.doesNotMatch(tracked(), /172\.17\.0\.2/);
});

test("what a container that never answered was sent is forgotten soon after it", async () => {
  await using network = await NetworkFixture.start();
  const mute = await network.attach({});
  const tracked = (): string =>
    execFileSync("/usr/sbin/conntrack", ["-L"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  // A tracked flow without a packet from the container.
  execFileSync("/usr/sbin/conntrack", [
    ...["-I", "-p", "udp", "-s", "172.17.0.1", "-d", "172.17.0.2"],
    ...["--sport", "40000", "--dport", "9", "-t", "60"],
  ]);
  assert.match(tracked(), /172\.17\.0\.2/);
  await network.service.release(mute.containerId);
  await sleep(1500);
  assert.doesNotMatch(tracked(), /172\.17\.0\.2/);
});

test("a socket that waits for datagrams from a container keeps its port while the container runs", async () => {
  await using network = await NetworkFixture.start();
  await network.attach({ portBindings: { "53/udp": [{ HostIp: "127.0.0.1", HostPort: "5300" }] } });
  const socket = createSocket("udp4");
  await assert.rejects(
    new Promise((resolve, reject) => void socket.once("error", reject).bind(5300, "127.0.0.1", () => resolve(null))),
    { code: "EADDRINUSE" },
  );
  socket.close();
});
