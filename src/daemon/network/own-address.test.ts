import assert from "node:assert/strict";
import { test } from "node:test";
import { mayBeContainer } from "./own-address.ts";
import type { NetworkRecord } from "./record.ts";

const network = (...config: NonNullable<NetworkRecord["ipam"]["config"]>): NetworkRecord => ({
  id: "n",
  name: "n",
  created: "",
  driver: "bridge",
  enableIPv4: true,
  enableIPv6: true,
  internal: false,
  attachable: false,
  ipam: { driver: "default", options: null, config },
  userSubnets: false,
  options: {},
  labels: {},
});

test("who speaks from a network's subnet may be a container, the host's own address there is not", () => {
  const networks = [
    network({ Subnet: "172.17.0.0/16", Gateway: "172.17.0.1" }),
    network({ Subnet: "fd00::/64", Gateway: "fd00::1/64" }, { Subnet: "10.0.0.0/8" }),
  ];
  for (const address of ["172.17.0.2", "::ffff:172.17.9.9", "fd00::2", "10.1.2.3", "fe80::1%docker0", "FE80::1"])
    assert.equal(mayBeContainer(networks, address), true, address);
  for (const address of [
    "172.17.0.1",
    "::ffff:172.17.0.1",
    "fd00::1",
    "127.0.0.1",
    "::1",
    "192.0.2.7",
    "172.18.0.2",
    "",
  ])
    assert.equal(mayBeContainer(networks, address), false, address);
});
