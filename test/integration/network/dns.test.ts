import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { decode, encode } from "dns-packet";
import { NetworkFixture, realDns } from "../../support/network.ts";

const ask = (network: NetworkFixture, path: string, name: string): string[] => {
  try {
    const output = network.inside(path, ["/bin/busybox", "nslookup", name, "127.0.0.11"]);
    return [
      ...output
        .split("\n\n")
        .slice(1)
        .join("\n")
        .matchAll(/^Address(?: \d+)?: (\S+)/gm),
    ].map((match) => match[1] ?? "");
  } catch {
    return [];
  }
};

test("containers on a network that users made find one another by name", async () => {
  await using network = await NetworkFixture.start({ dns: realDns });
  await network.service.create({ Name: "front" });
  await network.service.create({ Name: "back" });
  const web = await network.attach({ containerName: "web", endpoints: { front: { Aliases: ["www"] } } });
  const client = await network.attach({ containerName: "client", endpoints: { front: { Links: ["web:linked"] } } });
  const other = await network.attach({ containerName: "other", endpoints: { back: {} } });
  const address = web.networks["front"]?.IPAddress ?? "";
  assert.match(client.resolvConf, /^nameserver 127\.0\.0\.11\noptions ndots:0$/m);
  for (const name of ["web", "WWW", "web.front", web.containerId.slice(0, 12), "linked"]) {
    assert.deepEqual(ask(network, client.key, name), [address], name);
  }
  assert.deepEqual(ask(network, other.key, "web"), [], "another network");
  assert.deepEqual(ask(network, web.key, "linked"), [], "a link is its owner's");
  const pointer = network.inside(client.key, ["/bin/busybox", "nslookup", address, "127.0.0.11"]);
  assert.match(pointer, /web\.front/);
  await network.service.connect(other.containerId, "front", {});
  assert.deepEqual(ask(network, other.key, "web"), [address], "connected later");
  network.service.rename(web.containerId, "renamed");
  assert.deepEqual(ask(network, client.key, "renamed"), [address]);
  assert.deepEqual(ask(network, client.key, "web"), []);
  await network.service.release(web.containerId);
  assert.deepEqual(ask(network, client.key, "renamed"), []);
});

test("what is unknown goes to the container's servers, and from an internal network nowhere", async () => {
  await using network = await NetworkFixture.start({ dns: realDns });
  const asked: string[] = [];
  const server = createSocket("udp4");
  server.on("message", (bytes, { address, port }) => {
    const query = decode(bytes);
    const name = query.questions?.[0]?.name ?? "";
    asked.push(name);
    const answers = [{ name, type: "A", ttl: 1, class: "IN", data: "192.0.2.7" }];
    server.send(
      encode({ id: query.id ?? 0, type: "response", flags: 0, questions: query.questions ?? [], answers }),
      port,
      address,
    );
  });
  await new Promise<void>((resolve) => void server.bind(53, "127.0.0.1", resolve));
  try {
    await network.service.create({ Name: "open" });
    await network.service.create({ Name: "closed", Internal: true });
    const open = await network.attach({ endpoints: { open: {} }, dns: ["127.0.0.1"] });
    const closed = await network.attach({ endpoints: { closed: {} }, dns: ["127.0.0.1"] });
    // In a process of its own: this one must answer.
    const inside = (path: string): Promise<number | null> =>
      new Promise((resolve) => {
        const child = network.background(path, ["/bin/busybox", "nslookup", "-type=a", "example.test", "127.0.0.11"]);
        child.on("exit", resolve);
      });
    assert.equal(await inside(open.key), 0);
    assert.deepEqual(asked, ["example.test"]);
    assert.notEqual(await inside(closed.key), 0);
    assert.deepEqual(asked, ["example.test"], "nothing left the internal network");
  } finally {
    server.close();
  }
});

test("names resolve again within a second of a new daemon", async () => {
  await using network = await NetworkFixture.start({ dns: realDns });
  await network.service.create({ Name: "front" });
  const web = await network.attach({ containerName: "web", endpoints: { front: {} } });
  const client = await network.attach({ containerName: "client", endpoints: { front: {} } });
  const address = web.networks["front"]?.IPAddress ?? "";
  assert.deepEqual(ask(network, client.key, "web"), [address]);
  await network.crash();
  const start = performance.now();
  await network.open();
  await network.service.restore(new Set([web.containerId, client.containerId]));
  let found = ask(network, client.key, "web");
  while (found.length === 0 && performance.now() - start < 5000) {
    await sleep(20);
    found = ask(network, client.key, "web");
  }
  assert.deepEqual(found, [address]);
  assert.ok(performance.now() - start < 1500, `${performance.now() - start} ms`);
});
