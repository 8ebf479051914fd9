import assert from "node:assert/strict";
import { test } from "node:test";
import { decideNames } from "./names.ts";

const none = { engineInstalled: false, foreignBridge: false, foreignChains: false };

test("Docker's names are taken only where no other engine is or was, or when they are claimed", () => {
  assert.deepEqual(decideNames(none, false).bridge, "docker0");
  assert.deepEqual(decideNames(none, false).chainPrefix, "DOCKER");
  for (const trace of Object.keys(none)) {
    const names = decideNames({ ...none, [trace]: true }, false);
    assert.deepEqual([names.claim, names.bridge, names.chainPrefix], ["berth", "berth0", "BERTH"], trace);
    assert.ok(names.pools.every(({ base }) => base.startsWith("10.2")));
    assert.equal(decideNames({ ...none, [trace]: true }, true).claim, "docker");
  }
});
