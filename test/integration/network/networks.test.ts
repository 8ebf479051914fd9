import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import type { ErrorKind } from "../../../src/base/errors.ts";
import { Filters } from "../../../src/base/filters.ts";
import type { NetworkCreateRequest } from "../../../src/wire/engine/network.ts";
import { NetworkFixture, inventory } from "../../support/network.ts";

const filters = (values: Record<string, string[]>): Filters => new Filters(new Map(Object.entries(values)));

test("networks are refused in the words of dockerd 28.5", async () => {
  await using network = await NetworkFixture.start();
  const { service } = network;
  const refused = async (request: NetworkCreateRequest, kind: ErrorKind, message: string | RegExp): Promise<void> =>
    assert.rejects(service.create(request), (error: Error & { kind?: string }) => {
      assert.equal(error.kind, kind);
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    });
  await service.create({ Name: "u1" });
  const before = inventory(network.root);
  await refused({ Name: "bridge" }, "forbidden", "operation is not permitted on predefined bridge network ");
  await refused({ Name: "" }, "invalid-parameter", "invalid name: name is empty");
  await refused({ Name: "x", Driver: "nosuch" }, "not-found", 'plugin "nosuch" not found');
  await refused({ Name: "x", Driver: "host" }, "forbidden", 'only one instance of "host" network is allowed');
  await refused({ Name: "x", Driver: "null" }, "forbidden", 'only one instance of "null" network is allowed');
  await refused({ Name: "x", Driver: "overlay" }, "forbidden", /^This node is not a swarm manager\./);
  await refused({ Name: "u1" }, "conflict", "network with name u1 already exists");
  const overlap = "invalid pool request: Pool overlaps with other one on this address space";
  await refused({ Name: "x", IPAM: { Config: [{ Subnet: "172.18.0.0/24" }] } }, "forbidden", overlap);
  await refused({ Name: "x", IPAM: { Driver: "nosuch" } }, "not-found", 'plugin "nosuch" not found');
  const icc = "com.docker.network.bridge.enable_icc";
  const icc28 = `failed to parse ${icc} value: maybe (strconv.ParseBool: parsing "maybe": invalid syntax)`;
  await refused({ Name: "x", Options: { [icc]: "maybe" } }, "invalid-parameter", icc28);
  await refused(
    { Name: "x", Options: { "com.docker.network.bridge.name": "docker0" } },
    "forbidden",
    /^cannot create network [0-9a-f]{64} \(docker0\): conflicts with network [0-9a-f]{64} \(docker0\): networks have same bridge name$/,
  );
  await refused({ Name: "x", EnableIPv4: false }, "invalid-parameter", "IPv4 or IPv6 must be enabled");
  await refused(
    { Name: "x", Options: { "com.docker.network.bridge.name": "a b" } },
    "invalid-parameter",
    /invalid bridge name/,
  );
  await refused(
    { Name: "x", Options: { "com.docker.network.bridge.name": "-j ACCEPT" } },
    "invalid-parameter",
    /invalid bridge name/,
  );
  const bridge = (option: string, value: string): NetworkCreateRequest => ({
    Name: "x",
    Options: { [`com.docker.network.bridge.${option}`]: value },
  });
  await refused(bridge("name", "lo"), "invalid-parameter", "existing interface lo is not a bridge");
  await refused(
    bridge("trusted_host_interfaces", "eth0 -j ACCEPT"),
    "invalid-parameter",
    /invalid trusted host interface/,
  );
  await refused(bridge("host_binding_ipv4", "0.0.0.0 -j ACCEPT"), "invalid-parameter", /host_binding_ipv4/);
  await refused(bridge("gateway_mode_ipv4", "open"), "invalid-parameter", 'unknown gateway mode "open"');
  assert.deepEqual(inventory(network.root), before, "nothing is left of what was refused");
  const sysctls = (value: string): Promise<unknown> =>
    network.attach({ endpoints: { bridge: { DriverOpts: { "com.docker.network.endpoint.sysctls": value } } } });
  for (const bad of [
    "kernel.core_pattern=|/x",
    "net.ipv4.ip_forward=0",
    "net.ipv4.conf.all.forwarding=1",
    "net.ipv4.../../x.IFNAME.y=1",
  ]) {
    await assert.rejects(sysctls(bad), { kind: "invalid-parameter" }, bad);
  }
  await sysctls("net.ipv4.conf.IFNAME.log_martians=1");
  assert.throws(() => service.inspect("nosuch"), { kind: "not-found", message: "network nosuch not found" });
  await assert.rejects(service.remove("bridge"), {
    kind: "forbidden",
    message: "bridge is a pre-defined network and cannot be removed",
  });
  await assert.rejects(service.remove("nosuch"), { kind: "not-found", message: "network nosuch not found" });
});

test("a network is what was asked for, and its end leaves nothing", async () => {
  await using network = await NetworkFixture.start();
  const { service } = network;
  const before = inventory(network.root);
  const { Id: id = "" } = await service.create({
    Name: "u2",
    IPAM: {
      Config: [
        {
          Subnet: "10.44.0.0/16",
          IPRange: "10.44.5.0/24",
          Gateway: "10.44.5.254",
          AuxiliaryAddresses: { r: "10.44.5.0" },
        },
      ],
    },
    Labels: { a: "b" },
    EnableIPv6: true,
  });
  const found = service.inspect(id.slice(0, 8));
  assert.equal(found.Driver, "bridge");
  assert.deepEqual(found.IPAM?.Config?.[0]?.Gateway, "10.44.5.254");
  assert.match(found.IPAM?.Config?.[1]?.Subnet ?? "", /^fd[0-9a-f:]+::\/64$/);
  const first = await network.attach({ endpoints: { u2: {} } });
  assert.equal(first.networks["u2"]?.IPAddress, "10.44.5.1");
  const fixed = await network.attach({
    containerName: "fixed",
    endpoints: { u2: { IPAMConfig: { IPv4Address: "10.44.9.9" }, MacAddress: "02:42:0a:2c:09:09" } },
  });
  assert.equal(fixed.networks["u2"]?.IPAddress, "10.44.9.9");
  assert.equal(fixed.networks["u2"]?.MacAddress, "02:42:0a:2c:09:09");
  assert.match(network.inside(fixed.key, ["/usr/sbin/ip", "addr"]), /02:42:0a:2c:09:09[^]*10\.44\.9\.9\/16/);
  await assert.rejects(network.attach({ endpoints: { u2: { IPAMConfig: { IPv4Address: "10.44.9.9" } } } }), {
    message: "failed to set up container networking: Address already in use",
  });
  const members = Object.values(service.inspect("u2").Containers ?? {});
  assert.deepEqual(
    members.map((member) => member?.IPv4Address ?? "").toSorted((a, b) => a.localeCompare(b)),
    ["10.44.5.1/16", "10.44.9.9/16"],
  );
  await assert.rejects(service.remove("u2"), {
    kind: "forbidden",
    message:
      /^error while removing network: network u2 has active endpoints \(name:"\w+" id:"[0-9a-f]{12}", name:"fixed" id:"[0-9a-f]{12}"\)$/,
  });
  for (const { containerId } of [first, fixed]) await service.release(containerId);
  await service.remove("u2");
  assert.deepEqual(inventory(network.root), before);
});

test("lists, filters and prunes as Docker does", async () => {
  await using network = await NetworkFixture.start();
  const { service } = network;
  await service.create({ Name: "one", Labels: { tier: "front" } });
  await service.create({ Name: "two" });
  const used = await network.attach({ endpoints: { two: {} } });
  const names = (values: Record<string, string[]>): string[] =>
    service.list(filters(values)).map(({ Name: name }) => name ?? "");
  assert.deepEqual(names({}), ["none", "host", "bridge", "one", "two"]);
  assert.deepEqual(names({ type: ["custom"] }), ["one", "two"]);
  assert.deepEqual(names({ type: ["builtin"] }), ["none", "host", "bridge"]);
  assert.deepEqual(names({ driver: ["null", "host"] }), ["none", "host"]);
  assert.deepEqual(names({ label: ["tier=front"] }), ["one"]);
  assert.deepEqual(names({ dangling: ["true"] }), ["one"]);
  assert.deepEqual(names({ name: ["o"] }), ["none", "host", "one", "two"]);
  assert.throws(() => names({ bogus: ["x"] }), { message: "invalid filter 'bogus'" });
  assert.throws(() => names({ type: ["x"] }), { kind: "system", message: "invalid filter: 'type'='x'" });
  assert.throws(() => names({ dangling: ["x"] }), {
    message: `invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`,
  });
  assert.deepEqual(await service.prune(), { NetworksDeleted: ["one"] });
  assert.deepEqual(await service.prune(), { NetworksDeleted: null });
  await service.release(used.containerId);
});

test("a running container joins and leaves networks", async () => {
  await using network = await NetworkFixture.start();
  const { service } = network;
  await service.create({ Name: "second" });
  const web = await network.attach({ containerName: "c1", portBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  const peer = await network.attach({ endpoints: { second: {} } });
  await network.serve(web.key, "hello");
  const joined = await service.connect(web.containerId, "second", { Aliases: ["zz"] });
  const address = joined.networks["second"]?.IPAddress ?? "";
  assert.match(joined.hosts, new RegExp(`^${address}\t`, "m"));
  // The kernel tells of the carrier a moment after the link is up.
  const up = new RegExp(`eth1\\S*\\s+UP\\s+${address}/16`);
  const look = (): string => network.inside(web.key, ["/usr/sbin/ip", "-br", "addr"]);
  for (let tries = 0; tries < 50 && !up.test(look()); tries += 1) await sleep(20);
  assert.match(look(), up);
  assert.equal(network.fetch(`http://${address}/`, peer.key), "hello");
  assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello", "the published port stays");
  await assert.rejects(service.connect(web.containerId, "second", {}), {
    kind: "forbidden",
    message: "endpoint with name c1 already exists in network second",
  });
  await assert.rejects(service.connect(web.containerId, "bridge", { IPAMConfig: { IPv4Address: "172.77.0.3" } }), {
    message:
      "invalid endpoint settings:\n* user specified IP address is supported on user defined networks only\n* user specified IP address is supported only when connecting to networks with user configured subnets",
  });
  await service.disconnect(web.containerId, "second");
  assert.doesNotMatch(network.inside(web.key, ["/usr/sbin/ip", "-br", "link"]), /eth1/);
  assert.equal(network.fetch(`http://${address}/`, peer.key), null);
  await assert.rejects(service.disconnect(web.containerId, "second"), {
    kind: "system",
    message: `container ${web.containerId} is not connected to network second`,
  });
  assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello");
});

test("a container with two networks leads out through the one with the higher priority", async () => {
  await using network = await NetworkFixture.start();
  await network.service.create({ Name: "aa" });
  await network.service.create({ Name: "bb" });
  const routes = async (priority: number): Promise<string> => {
    const { key } = await network.attach({ endpoints: { aa: {}, bb: { GwPriority: priority } } });
    return network.inside(key, ["/usr/sbin/ip", "route", "show", "default"]);
  };
  assert.match(await routes(0), /via 172\.18\.0\.1/);
  assert.match(await routes(1), /via 172\.19\.0\.1/);
});

test("without a network there is a loopback, and no IPv6 where the network has none", async () => {
  await using network = await NetworkFixture.start();
  const none = await network.attach({ endpoints: {} });
  assert.match(
    network.inside(none.key, ["/usr/sbin/ip", "-br", "addr"]),
    /^lo\s+UNKNOWN\s+127\.0\.0\.1\/8 ::1\/128 \n$/,
  );
  const four = await network.attach();
  assert.doesNotMatch(network.inside(four.key, ["/usr/sbin/ip", "-6", "addr", "show", "eth0"]), /inet6/);
});
