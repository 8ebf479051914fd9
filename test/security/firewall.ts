// What must hold with each firewall, with real packets and frames: each backend has a file, and so a host, of its own.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { sendLoopbackOut } from "../support/lan.ts";
import { addressOf, fetchFrom, flushFirewall, namespaceOf, serve, world } from "./world.ts";

export const firewallAttacks = (backend: string): void => {
  test(`${backend}: neither a container nor the wire reaches the host's loopback, or what is published there`, async () => {
    await using here = await world(["--firewall-backend", backend]);
    const { engine, lan } = here;
    let connections = 0;
    const secret = createServer((socket) => void (connections++, socket.destroy()));
    await new Promise<void>((resolve) => void secret.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = secret.address() as AddressInfo;
      await serve(engine, "local", 80, "-p", "127.0.0.1:9090:80");
      const attacker = await engine.ok("run", "-d", "--privileged", "attack", "sleep", "100");
      const inside = await namespaceOf(engine, attacker);
      assert.equal(await fetchFrom(null, "http://127.0.0.1:9090/"), "local");
      execFileSync("/usr/sbin/sysctl", ["-qw", "net.ipv4.conf.lan0.route_localnet=1"]);
      sendLoopbackOut(inside, "172.17.0.1");
      sendLoopbackOut(lan.path, lan.host);
      for (const from of [inside, lan.path])
        for (const url of [`http://127.0.0.1:${port}/`, "http://127.0.0.1:9090/"])
          assert.equal(await fetchFrom(from, url), null, `${url} from ${from}`);
      assert.equal(await fetchFrom(inside, "http://172.17.0.1:9090/"), null, "by the gateway");
      assert.equal(await fetchFrom(lan.path, `http://${lan.host}:9090/`), null, "by the host's address");
      assert.equal(connections, 0);
    } finally {
      secret.close();
    }
  });

  test(`${backend}: another machine on the wire reaches published ports alone, also with routes of its own`, async () => {
    await using here = await world(["--firewall-backend", backend]);
    const { engine, lan } = here;
    const id = await serve(engine, "public", 80, "-p", "8080:80");
    const address = await addressOf(engine, id);
    const hidden = await addressOf(engine, await serve(engine, "hidden", 81));
    await engine.ok("network", "create", "other");
    const stranger = await engine.ok("run", "-d", "--network", "other", "attack", "sleep", "100");
    lan.route("172.16.0.0/12");
    assert.equal(await fetchFrom(lan.path, `http://${lan.host}:8080/`), "public");
    assert.equal(await fetchFrom(lan.path, `http://${address}/`), null);
    assert.equal(await fetchFrom(lan.path, `http://${hidden}:81/`), null);
    assert.equal(await fetchFrom(await namespaceOf(engine, stranger), `http://${hidden}:81/`), null);
  });

  test(`${backend}: flushing the host's firewall opens nothing for longer than a second`, async () => {
    await using here = await world(["--firewall-backend", backend]);
    const { engine, lan } = here;
    const hidden = await addressOf(engine, await serve(engine, "hidden", 81));
    lan.route("172.16.0.0/12");
    flushFirewall();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await fetchFrom(lan.path, `http://${hidden}:81/`), null);
  });
};
