import assert from "node:assert/strict";
import { test } from "node:test";
import { chainId, chainIdOf, isDigest, parseDigest, sha256 } from "./digest.ts";

test("digests are checked", () => {
  assert.ok(isDigest(`sha256:${"0".repeat(64)}`));
  assert.ok(isDigest(`sha512:${"0".repeat(128)}`));
  for (const wrong of [
    "",
    "sha256:",
    `sha256:${"A".repeat(64)}`,
    `sha256:${"0".repeat(63)}`,
    `../x:${"0".repeat(64)}`,
  ]) {
    assert.equal(isDigest(wrong), false, wrong);
  }
  assert.throws(() => parseDigest("x"), { kind: "invalid-parameter", message: "invalid checksum digest format" });
});

test("chain ids follow the image specification", () => {
  const [a, b] = [sha256("a"), sha256("b")];
  assert.equal(chainIdOf([]), null);
  assert.equal(chainIdOf([a]), a);
  assert.equal(chainIdOf([a, b]), sha256(`${a} ${b}`));
  assert.equal(chainId(a, b), sha256(`${a} ${b}`));
});
