import assert from "node:assert/strict";
import { test } from "node:test";
import { MirrorHealth, mirrorsOf, parseMirror } from "./mirror.ts";

test("a mirror is Docker Hub's, a registry's, or everybody's", () => {
  const read = (entry: string): [string, string] => {
    const { registry, url } = parseMirror(entry);
    return [registry, url.href];
  };
  assert.deepEqual(read("https://m.example"), ["docker.io", "https://m.example/"]);
  assert.deepEqual(read("http://m.example:5000/some/path"), ["docker.io", "http://m.example:5000/some/path/"]);
  assert.deepEqual(read("quay.io=https://m.example"), ["quay.io", "https://m.example/"]);
  assert.deepEqual(read("[::1]:5000=https://m.example"), ["[::1]:5000", "https://m.example/"]);
  assert.deepEqual(read("*=https://m.example"), ["*", "https://m.example/"]);
});

test("what is no mirror is refused in Docker's words", () => {
  const cases: [string, string][] = [
    ["m", `no scheme specified for "m": must use either 'https://' or 'http://'`],
    ["ftp://m", `unsupported scheme in "ftp://m": must use either 'https://' or 'http://'`],
    ["quay.io=m", `no scheme specified for "quay.io=m": must use either 'https://' or 'http://'`],
    ["https://m?x=1", `query or fragment at end of the URI "https://m?x=1"`],
    ["https://m#x", `query or fragment at end of the URI "https://m#x"`],
    ["https://a:b@m", `username/password not allowed in URI "https://a:b@m"`],
    ["https://", `"https://" is not a valid URI`],
  ];
  for (const [entry, message] of cases)
    assert.throws(() => parseMirror(entry), { message: `invalid mirror: ${message}` });
});

test("the mirrors of a registry, in order; those of several are told whose content is meant", () => {
  const entries = ["https://hub", "quay.io=https://one", "*=https://all", "docker.io=https://two"];
  const of = (domain: string): [string, string | undefined][] =>
    mirrorsOf(domain, entries).map(({ url, ns }) => [url.host, ns]);
  assert.deepEqual(of("docker.io"), [
    ["hub", undefined],
    ["all", "docker.io"],
    ["two", undefined],
  ]);
  assert.deepEqual(of("quay.io"), [
    ["one", "quay.io"],
    ["all", "quay.io"],
  ]);
  assert.deepEqual(of("all"), [], "no registry mirrors itself");
});

test("a mirror that failed is left alone, longer each time, until it answers", () => {
  let now = 0;
  const health = new MirrorHealth(() => now);
  const pauseOf = (): number => {
    health.failed("m");
    const from = now;
    while (health.isDown("m")) now += 1000;
    return now - from;
  };
  assert.deepEqual([pauseOf(), pauseOf(), pauseOf()], [5_000, 10_000, 20_000]);
  for (let count = 0; count < 10; count++) health.failed("m");
  assert.equal(pauseOf(), 300_000);
  health.answered("m");
  assert.equal(pauseOf(), 5_000);
});
