import assert from "node:assert/strict";
import { test } from "node:test";
import { choosePlatform, formatPlatform, matchPlatform, parsePlatform } from "./platform.ts";

const host = { os: "linux", architecture: "amd64" };

test("platforms are parsed with what is left out from the host", () => {
  const table: [text: string, platform: string][] = [
    ["linux", "linux/amd64"],
    ["arm64", "linux/arm64"],
    ["armhf", "linux/arm/v7"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6"],
    ["Linux/x86_64", "linux/amd64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["macos/arm64", "darwin/arm64"],
    ["linux/amd64/v3", "linux/amd64/v3"],
  ];
  for (const [text, platform] of table) assert.equal(formatPlatform(parsePlatform(text, host)), platform, text);
  for (const wrong of ["", "linux/", "a/b/c/d", "beos", "linux/a b"]) {
    assert.throws(() => parsePlatform(wrong, host), { kind: "invalid-parameter" }, wrong);
  }
});

test("the best of what runs is chosen", () => {
  const parse = (text: string) => parsePlatform(text, host);
  assert.equal(matchPlatform(parse("linux/amd64"), parse("linux/arm64")), null);
  assert.equal(matchPlatform(parse("linux/amd64"), parse("linux/amd64/v2")), null);
  assert.equal(matchPlatform(parse("linux/amd64/v3"), parse("linux/amd64/v2")), 1);
  assert.equal(matchPlatform(parse("linux/arm/v7"), parse("linux/arm/v8")), null);
  const offers = ["windows/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64"];
  assert.equal(choosePlatform(parse("linux/arm64"), offers, parse), "linux/arm64");
  assert.equal(choosePlatform(parse("linux/arm/v7"), offers, parse), "linux/arm/v7");
  assert.equal(choosePlatform(parse("linux/s390x"), offers, parse), undefined);
});
