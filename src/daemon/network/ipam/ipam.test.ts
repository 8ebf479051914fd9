import assert from "node:assert/strict";
import { test } from "node:test";
import { isKind } from "../../../base/errors.ts";
import { dockerPools, uniqueLocalPool } from "../names.ts";
import { chooseSubnet } from "./pool.ts";
import { type Prefix, formatAddress, formatPrefix, overlaps, parseAddress, parsePrefix } from "./prefix.ts";
import { Subnet } from "./subnet.ts";
import { validateIpam } from "./validate.ts";

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
};

test("addresses and prefixes are read strictly and written in their shortest form", () => {
  assert.equal(parseAddress("172.17.0.2"), 0xac110002n);
  assert.equal(formatAddress(parseAddress("fd00:0:0::00a") ?? 0n, 6), "fd00::a");
  for (const text of ["", "1.2.3", "01.2.3.4", "0x7f.1.1.1", "1.2.3.4:80", "fe80::1%eth0", "256.1.1.1", "::g"]) {
    assert.equal(parseAddress(text), null, text);
  }
  for (const text of [
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0.0/8/8",
    "::/129",
  ]) {
    assert.equal(parsePrefix(text), null, text);
  }
  assert.equal(formatPrefix(prefix("172.17.3.4/16")), "172.17.0.0/16");
  assert.equal(formatPrefix(prefix("fd00::1/64")), "fd00::/64");
  assert.equal(overlaps(prefix("10.0.0.0/8"), prefix("10.9.0.0/16")), true);
  assert.equal(overlaps(prefix("10.0.0.0/16"), prefix("10.1.0.0/16")), false);
  assert.equal(overlaps(prefix("0.0.0.0/0"), prefix("::/0")), false);
});

test("a subnet gives the lowest free address, never the network's nor the broadcast address", () => {
  const subnet = new Subnet(prefix("10.0.0.0/29"));
  assert.deepEqual(
    Array.from({ length: 7 }, () => subnet.take()),
    ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", null],
  );
  subnet.release(parseAddress("10.0.0.5") ?? 0n);
  subnet.release(parseAddress("10.0.0.2") ?? 0n);
  assert.equal(subnet.take(), "10.0.0.2");
  assert.equal(subnet.claim(parseAddress("10.0.0.2") ?? 0n), false);
  assert.equal(subnet.claim(parseAddress("10.0.0.7") ?? 0n), false);
  assert.equal(subnet.claim(parseAddress("10.0.1.1") ?? 0n), false);
  assert.equal(subnet.take(), "10.0.0.5");
  assert.equal(subnet.take(), null);
});

test("addresses come from the range; others of the subnet may be asked for", () => {
  const subnet = new Subnet(prefix("10.44.0.0/16"), prefix("10.44.5.0/30"));
  assert.equal(subnet.claim(parseAddress("10.44.9.9") ?? 0n), true);
  subnet.release(parseAddress("10.44.9.9") ?? 0n);
  assert.deepEqual(
    Array.from({ length: 5 }, () => subnet.take()),
    ["10.44.5.0", "10.44.5.1", "10.44.5.2", "10.44.5.3", null],
  );
});

test("a large IPv6 subnet is not walked through", () => {
  const subnet = new Subnet(prefix("fd00::/64"));
  for (let index = 1; index < 5000; index += 1) subnet.take();
  assert.equal(subnet.take(), "fd00::1388");
});

test("pools give the first subnet that nothing overlaps", () => {
  const chosen = (...taken: string[]): string => {
    const subnet = chooseSubnet(dockerPools, taken.map(prefix));
    return subnet === null ? "none" : formatPrefix(subnet);
  };
  assert.equal(chosen(), "172.17.0.0/16");
  assert.equal(chosen("172.17.5.0/24", "172.18.0.0/16"), "172.19.0.0/16");
  assert.equal(chosen("172.16.0.0/12"), "192.168.0.0/20");
  assert.equal(chosen("172.16.0.0/12", "192.168.0.0/24", "192.168.17.0/24"), "192.168.32.0/20");
  assert.equal(chosen("172.16.0.0/12", "192.168.0.0/16"), "none");
  const pool = uniqueLocalPool("abc");
  const first = chooseSubnet([pool], []);
  assert.ok(first && formatPrefix(first).endsWith("::/64"));
  assert.equal(uniqueLocalPool("abc").base, pool.base);
  assert.notEqual(uniqueLocalPool("abd").base, pool.base);
  assert.ok(parsePrefix(pool.base));
});

test("faulty addresses of a network are told in Docker's words, all at once", () => {
  const message = (config: object[], ipv6 = false): string => {
    try {
      validateIpam({ Config: config }, ipv6);
      return "";
    } catch (error) {
      assert.ok(isKind(error, "invalid-parameter"));
      return (error as Error).message.replace("invalid network config:\n", "");
    }
  };
  assert.equal(message([{ Subnet: "172.88.0.0/33" }]), "invalid subnet 172.88.0.0/33: invalid CIDR block notation");
  assert.equal(message([{ Subnet: "172.88.0.5/16" }]), "invalid subnet 172.88.0.5/16: it should be 172.88.0.0/16");
  assert.equal(message([{ Gateway: "10.0.0.1" }]), "invalid subnet : invalid CIDR block notation");
  const subnet = { Subnet: "172.88.0.0/16" };
  assert.equal(
    message([{ ...subnet, Gateway: "10.0.0.1" }]),
    "invalid gateway 10.0.0.1: parent subnet 172.88.0.0/16 doesn't contain this address",
  );
  assert.equal(
    message([{ ...subnet, IPRange: "10.0.0.0/24" }]),
    "invalid ip-range 10.0.0.0/24: parent subnet 172.88.0.0/16 doesn't contain ip-range",
  );
  assert.equal(
    message([{ ...subnet, Gateway: "x", AuxiliaryAddresses: { a: "10.0.0.1" } }]),
    "* invalid gateway x: invalid address\n* invalid auxiliary address 10.0.0.1: parent subnet 172.88.0.0/16 doesn't contain this address",
  );
  assert.equal(message([{ ...subnet, IPRange: "172.88.5.0/24", Gateway: "172.88.5.254" }]), "");
  assert.equal(message([{ Subnet: "fd00:0:0::/64" }], true), "");
});
