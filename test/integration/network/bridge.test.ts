import assert from "node:assert/strict";
import { test } from "node:test";
import { NetworkFixture, inventory } from "../../support/network.ts";

test("containers on the default bridge reach one another, the host and a published port", async () => {
  await using network = await NetworkFixture.start();
  const web = await network.attach({ portBindings: { "80/tcp": [{ HostPort: "8080" }] }, exposedPorts: ["80/tcp"] });
  const client = await network.attach();
  assert.equal(web.networks["bridge"]?.IPAddress, "172.17.0.2");
  assert.equal(client.networks["bridge"]?.IPAddress, "172.17.0.3");
  await network.serve(web.key, "hello");
  assert.equal(network.fetch("http://172.17.0.2/"), "hello", "the host, by the container's address");
  assert.equal(network.fetch("http://172.17.0.2/", client.key), "hello", "another container, by its address");
  assert.equal(network.fetch("http://127.0.0.1:8080/"), "hello", "the host, by 127.0.0.1");
  assert.equal(network.fetch("http://172.17.0.1:8080/"), "hello", "the host, by its own address");
  assert.equal(
    network.fetch("http://172.17.0.1:8080/", client.key),
    "hello",
    "another container, by the host's address",
  );
  assert.equal(
    network.fetch("http://172.17.0.1:8080/", web.key),
    "hello",
    "the container itself, by the host's address",
  );
  assert.deepEqual(web.ports, {
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8080" },
      { HostIp: "::", HostPort: "8080" },
    ],
  });
});

test("two hundred containers come and go without a trace", async (t) => {
  await using network = await NetworkFixture.start();
  const before = inventory(network.root);
  const times: number[] = [];
  for (let turn = 0; turn < 200; turn += 1) {
    const start = performance.now();
    const sandbox = await network.attach();
    times.push(performance.now() - start);
    assert.equal(sandbox.networks["bridge"]?.IPAddress, "172.17.0.2");
    await network.service.release(sandbox.containerId);
  }
  times.sort((a, b) => a - b);
  t.diagnostic(`attach: median ${times[100]?.toFixed(2)} ms, worst ${times[199]?.toFixed(2)} ms`);
  await network.service.restore(new Set());
  assert.deepEqual(inventory(network.root), before);
});
