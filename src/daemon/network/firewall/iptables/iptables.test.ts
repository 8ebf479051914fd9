import assert from "node:assert/strict";
import { test } from "node:test";
import type { FirewallNetwork } from "../firewall.ts";
import { IptablesFirewall } from "./backend.ts";
import { parseSaved } from "./saved.ts";

const style = { prefix: "DOCKER", mark: "berth:i" };
const network: FirewallNetwork = {
  id: "n",
  bridge: "docker0",
  internal: false,
  icc: true,
  ipv4: { subnet: "172.17.0.0/16", masquerade: true, gatewayMode: "nat" },
  trustedInterfaces: [],
};
const port = {
  bridge: "docker0",
  proto: "tcp" as const,
  hostIp: "0.0.0.0",
  hostPort: 8080,
  address: "172.17.0.2",
  containerPort: 80,
  translate: true,
};

/** Takes batches, and refuses those that `refuse` says. */
const fake = (saved = "", refuse: (text: string) => boolean = () => false) => {
  const batches: string[] = [];
  return {
    batches,
    save: async () => saved,
    restore: async (text: string) => {
      batches.push(text.replaceAll(" -m comment --comment berth:i", ""));
      await new Promise((resolve) => setImmediate(resolve));
      if (refuse(text)) throw new Error("iptables-restore: line 2 failed");
    },
  };
};

test("a port is one batch, with the rules of Docker's own chains", async () => {
  const command = fake();
  const firewall = new IptablesFirewall(style, command, null);
  await firewall.addPorts([port, { ...port, hostIp: "127.0.0.1", hostPort: 9090, proto: "udp" }], []);
  assert.deepEqual(command.batches, [
    `*filter
-I DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-I DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p udp -m udp --dport 80 -j ACCEPT
COMMIT
*nat
-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -d 127.0.0.1/32 -p udp -m udp --dport 9090 -j DNAT --to-destination 172.17.0.2:80
COMMIT
`,
  ]);
  await firewall.removePorts([port], []);
  assert.match(command.batches[1] ?? "", /^\*filter\n-D DOCKER .*\nCOMMIT\n\*nat\n-D DOCKER .*\nCOMMIT\n$/);
});

test("changes that arrive while a batch runs go into the next one together", async () => {
  const command = fake();
  const firewall = new IptablesFirewall(style, command, null);
  await Promise.all([1, 2, 3, 4].map((hostPort) => firewall.addPorts([{ ...port, hostPort }], [])));
  assert.equal(command.batches.length, 1);
});

test("the raw table comes first, and the loopback guard before all others in it", async () => {
  const command = fake();
  const firewall = new IptablesFirewall(style, command, null);
  await firewall.sync({ networks: [network], ports: [], links: [], droppedForwards: [] });
  assert.match(command.batches[0] ?? "", /^\*raw\n-I PREROUTING -d 127\.0\.0\.0\/8 ! -i lo -j DROP\n/);
  assert.ok((command.batches[0] ?? "").includes(":DOCKER-USER - [0:0]\n"));
});

test("a refused batch is answered with everything that should be there, in place of all of ours", async () => {
  const saved = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:DOCKER - [0:0]
:MINE - [0:0]
-A FORWARD -m comment --comment "berth:i" -j DOCKER-FORWARD
-A FORWARD -j MINE
-A DOCKER -i x -m comment --comment "berth:other" -j ACCEPT
COMMIT
`;
  let first = true;
  const command = fake(saved, () => {
    const refused = first;
    first = false;
    return refused;
  });
  const firewall = new IptablesFirewall(style, command, null);
  await firewall.addPorts([port], []);
  const repaired = command.batches[1] ?? "";
  assert.ok(repaired.includes('-D FORWARD -m comment --comment "berth:i" -j DOCKER-FORWARD\n'));
  assert.ok(!repaired.includes("MINE") && !repaired.includes("berth:other"));
  const filter = repaired.slice(repaired.indexOf("*filter"), repaired.indexOf("*nat"));
  assert.ok(!filter.includes(":DOCKER - "), "a chain that is there is not named, or it would be emptied");
  assert.ok(repaired.includes(":DOCKER-CT - [0:0]\n"));
  assert.ok(repaired.includes("--dport 8080 -j DNAT --to-destination 172.17.0.2:80"));
});

test("what cannot be put in force at all is an error for everybody who waits", async () => {
  const firewall = new IptablesFirewall(
    style,
    fake("", () => true),
    null,
  );
  const both = await Promise.allSettled([firewall.addPorts([port], []), firewall.addNetwork(network)]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ["rejected", "rejected"],
  );
});

test("chains that others use are told from ours", () => {
  const saved = parseSaved(
    '*nat\n:DOCKER - [0:0]\n-A OUTPUT -j DOCKER\n-A DOCKER -m comment --comment "berth:i" -j RETURN\nCOMMIT\n*mangle\n:X - [0:0]\nCOMMIT\n',
    "berth:i",
  );
  assert.deepEqual(saved.own, [{ table: "nat", line: '-A DOCKER -m comment --comment "berth:i" -j RETURN' }]);
  assert.deepEqual([...saved.foreign].sort(), ["nat DOCKER", "nat OUTPUT"]);
});
