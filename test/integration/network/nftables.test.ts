import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { NftablesFirewall } from "../../../src/daemon/network/firewall/nftables/backend.ts";
import { nftCommand } from "../../../src/daemon/network/firewall/nftables/command.ts";
import { firewallContract } from "../../support/firewall-contract.ts";

firewallContract("nftables");

test("a published port changes elements only, and leaves none behind", async () => {
  const command = nftCommand();
  let rebuilds = 0;
  const firewall = new NftablesFirewall("test1", {
    list: (family, table) => command.list(family, table),
    apply: (text) => {
      if (text.startsWith("add table")) rebuilds += 1;
      return command.apply(text);
    },
  });
  try {
    await firewall.sync({ networks: [], ports: [], links: [], droppedForwards: [] });
    const listed = (): string => execFileSync("/usr/sbin/nft", ["list", "ruleset"], { encoding: "utf8" });
    const before = listed();
    const port = {
      bridge: "berth0",
      proto: "tcp" as const,
      hostIp: "0.0.0.0",
      hostPort: 8080,
      address: "10.201.0.2",
      containerPort: 80,
      translate: true,
    };
    const ports = [port, { ...port, hostPort: 8081 }, { ...port, hostIp: "127.0.0.1", hostPort: 9090 }];
    const six = { ...port, hostIp: "::", address: "fd00::2" };
    const links = [{ bridge: "berth0", from: "10.201.0.3", to: "10.201.0.2", proto: "tcp" as const, port: 80 }];
    await firewall.addPorts([...ports, six], links);
    assert.match(listed(), /tcp \. 8081 : 10\.201\.0\.2 \. 80/);
    await firewall.removePorts([...ports, six], links);
    assert.equal(listed(), before);
    assert.equal(rebuilds, 1, "the one of sync");
  } finally {
    execFileSync("/usr/sbin/nft", ["flush", "ruleset"]);
  }
});
