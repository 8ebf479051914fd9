import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode } from "../error.ts";
import { listAddresses } from "./address.ts";
import { attribute, attributes, nested, readText, text, u32 } from "./attribute.ts";
import { getLink, listLinks, setLink } from "./link.ts";
import { decode, encode } from "./message.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "./socket.ts";
import { readSysctl } from "./sysctl.ts";

test("attributes are padded, nested and read back", () => {
  const bytes = Buffer.concat([
    attribute(3, text("eth0")),
    nested(18, attribute(1, text("veth")), attribute(2, u32(7))),
  ]);
  assert.equal(bytes.length % 4, 0);
  const found = attributes(bytes);
  assert.equal(readText(found.get(3)), "eth0");
  assert.equal(
    attributes(found.get(18) ?? Buffer.alloc(0))
      .get(2)
      ?.readUInt32LE(0),
    7,
  );
});

test("attributes that are cut short or lie about their length are left out", () => {
  const good = attribute(1, u32(1));
  assert.equal(attributes(Buffer.concat([good, Buffer.from([200, 0, 2, 0])])).size, 1);
  assert.equal(attributes(Buffer.concat([good, Buffer.from([0, 0, 2, 0])])).size, 1);
  assert.equal(attributes(good.subarray(0, 3)).size, 0);
});

test("messages are framed, and a datagram of several is taken apart", () => {
  const one = encode({ type: 16, flags: 4, payload: Buffer.from("abcde") }, 9);
  assert.equal(one.length, 24);
  assert.equal(one.readUInt32LE(0), 21);
  const replies = decode(Buffer.concat([one, encode({ type: 17, flags: 0, payload: Buffer.alloc(0) }, 10)]));
  assert.deepEqual(
    replies.map(({ type, sequence, payload }) => [type, sequence, payload.toString()]),
    [
      [16, 9, "abcde"],
      [17, 10, ""],
    ],
  );
  assert.deepEqual(decode(one.subarray(0, 20)), []);
});

test("the kernel's links and addresses can be read, and its refusals are errors with their code", () => {
  using socket = new NetlinkSocket(NETLINK_ROUTE);
  const lo = getLink(socket, { name: "lo" });
  assert.equal(lo.index, 1);
  assert.ok(listLinks(socket).some(({ name }) => name === "lo"));
  assert.ok(Array.isArray(listAddresses(socket)));
  assert.throws(
    () => getLink(socket, { name: "no-such-link" }),
    (error) => isCode(error, "ENODEV"),
  );
  const refused = socket.attempt([setLink({ index: 999_999_999 }, {}), setLink({ index: 999_999_998 }, {})]);
  assert.deepEqual(
    refused.map((error) => isCode(error, "ENODEV", "EPERM")),
    [true, true],
  );
});

test("a sysctl's name cannot climb", () => {
  assert.match(readSysctl(["net", "ipv4", "ip_local_port_range"]), /^\d+\s+\d+$/);
  for (const part of ["..", ".", "", "a/b"]) assert.throws(() => readSysctl(["net", part]), RangeError);
});
