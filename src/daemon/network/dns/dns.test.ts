import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "dns-packet";
import { isAnswerTo, readQuery, rcodes, refuse, withId, writeAnswer } from "./message.ts";
import { type DnsSandbox, Zone } from "./zone.ts";

const sandbox = (id: string, network: string, address: string, names: string[], links = {}): DnsSandbox => ({
  containerId: id,
  containerName: names[0] ?? "",
  endpoints: [{ networkId: network, networkName: `${network}-name`, addresses: [address], dnsNames: names, links }],
  upstream: [],
  ndots: 0,
});

const addresses = (zone: Zone, asker: string, name: string, type = "A"): string[] | null =>
  zone.answer(asker, name, type)?.answers.map(({ data }) => data) ?? null;

test("a sandbox is answered out of its own networks only", () => {
  const zone = new Zone();
  zone.put(sandbox("a", "n1", "10.0.0.1", ["web", "www"]));
  zone.put(sandbox("b", "n1", "10.0.0.2", ["db"], { store: "web" }));
  zone.put(sandbox("c", "n2", "10.1.0.1", ["web"]));
  assert.deepEqual(addresses(zone, "b", "WWW."), ["10.0.0.1"]);
  assert.deepEqual(addresses(zone, "b", "web.n1-name"), ["10.0.0.1"]);
  assert.deepEqual(addresses(zone, "b", "store"), ["10.0.0.1"]);
  assert.equal(addresses(zone, "a", "store"), null);
  assert.deepEqual(addresses(zone, "c", "web"), ["10.1.0.1"]);
  assert.equal(addresses(zone, "c", "db"), null);
  assert.equal(addresses(zone, "nobody", "web"), null);
  assert.deepEqual(addresses(zone, "b", "web", "AAAA"), [], "known, without an address of that family");
  assert.deepEqual(addresses(zone, "a", "2.0.0.10.in-addr.arpa", "PTR"), ["db.n1-name"]);
  assert.equal(addresses(zone, "a", "1.0.1.10.in-addr.arpa", "PTR"), null, "another network's address");
  zone.delete("a");
  assert.equal(addresses(zone, "b", "web"), null);
});

test("one name with several containers takes turns", () => {
  const zone = new Zone();
  for (const [id, address] of [
    ["a", "10.0.0.1"],
    ["b", "10.0.0.2"],
    ["c", "10.0.0.3"],
  ] as const) {
    zone.put(sandbox(id, "n", address, [id, "pool"]));
  }
  const heads = new Set(Array.from({ length: 3 }, () => addresses(zone, "a", "pool")?.[0]));
  assert.equal(heads.size, 3);
});

test("IPv6 addresses are found and pointed back from", () => {
  const zone = new Zone();
  zone.put(sandbox("a", "n", "fd00::1", ["six"]));
  assert.deepEqual(addresses(zone, "a", "six", "AAAA"), ["fd00::1"]);
  const reverse = `1.${"0.".repeat(27)}0.0.d.f.ip6.arpa`;
  assert.deepEqual(addresses(zone, "a", reverse, "PTR"), ["six.n-name"]);
});

const bytes = (name: string, type = "A"): Buffer =>
  encode({ id: 7, type: "query", flags: 1 << 8, questions: [{ name, type }] });

test("queries are answered in kind, and what is too long for UDP says so", () => {
  const query = readQuery(bytes("web"));
  assert.ok(query);
  const answer = decode(writeAnswer(query, { rcode: rcodes.noError, answers: [{ type: "A", data: "10.0.0.1" }] }, 512));
  assert.equal(answer.id, 7);
  assert.deepEqual(
    answer.answers?.map(({ data }) => data),
    ["10.0.0.1"],
  );
  const many = Array.from({ length: 60 }, (_, index) => ({ type: "A" as const, data: `10.0.0.${index}` }));
  const short = writeAnswer(query, { rcode: rcodes.noError, answers: many }, 512);
  assert.ok(short.length <= 512 && (short.readUInt16BE(2) & 0x200) !== 0);
  assert.equal(decode(writeAnswer(query, { rcode: rcodes.noError, answers: many }, 65_535)).answers?.length, 60);
});

test("garbage is no query", () => {
  for (const bad of [Buffer.alloc(0), Buffer.alloc(11), Buffer.alloc(12, 0xff), Buffer.from("x".repeat(600))]) {
    assert.equal(readQuery(bad), null);
  }
  const response = bytes("web");
  response.writeUInt16BE(0x8180, 2);
  assert.equal(readQuery(response), null);
  assert.equal(refuse(response), null, "an answer is not answered");
  const cut = bytes("web").subarray(0, 14);
  assert.equal(readQuery(cut), null);
  assert.equal((refuse(cut)?.readUInt16BE(2) ?? 0) & 0xf, rcodes.formatError);
  for (let turn = 0; turn < 2000; turn += 1) {
    const noisy = bytes("some.name.example");
    for (let flips = 0; flips < 4; flips += 1)
      noisy[Math.floor(Math.random() * noisy.length)] = Math.floor(Math.random() * 256);
    assert.doesNotThrow(() => readQuery(noisy));
  }
});

test("only an answer to the same question counts", () => {
  const query = readQuery(bytes("web"));
  assert.ok(query);
  const answer = writeAnswer(query, { rcode: 0, answers: [] }, 512);
  assert.equal(isAnswerTo(query, 9, withId(answer, 9)), true);
  assert.equal(isAnswerTo(query, 8, withId(answer, 9)), false);
  assert.equal(isAnswerTo(query, 7, bytes("web")), false, "a question");
  const other = readQuery(bytes("db"));
  assert.ok(other);
  assert.equal(isAnswerTo(query, 7, writeAnswer(other, { rcode: 0, answers: [] }, 512)), false);
});
