import assert from "node:assert/strict";
import { test } from "node:test";
import { berthNumber, decideNames } from "./names.ts";

const none = { engineInstalled: false, foreignBridge: false, foreignChains: false, berths: new Set<number>() };
const traces = ["engineInstalled", "foreignBridge", "foreignChains"] as const;

test("Docker's names are taken only where no other engine is or was, or when they are claimed", () => {
  assert.deepEqual(decideNames(none, false).bridge, "docker0");
  assert.deepEqual(decideNames(none, false).chainPrefix, "DOCKER");
  for (const trace of traces) {
    const names = decideNames({ ...none, [trace]: true }, false);
    assert.deepEqual([names.claim, names.bridge, names.chainPrefix], ["berth", "berth0", "BERTH"], trace);
    assert.ok(names.pools.every(({ base }) => base.startsWith("10.2")));
    assert.equal(decideNames({ ...none, [trace]: true }, true).claim, "docker");
  }
});

test("further Berths have the first names that no other has, and start from pools of their own", () => {
  const beside = (...berths: number[]) =>
    decideNames({ ...none, engineInstalled: true, berths: new Set(berths) }, false);
  const named = (...berths: number[]) => [beside(...berths).bridge, beside(...berths).chainPrefix];
  assert.deepEqual(named(0), ["berth1", "BERTH1"]);
  assert.deepEqual(named(0, 1, 3), ["berth2", "BERTH2"]);
  assert.deepEqual(named(1), ["berth0", "BERTH"]);
  assert.equal(decideNames({ ...none, berths: new Set([0]) }, false).bridge, "docker0", "Docker's are free");
  const first = [[], [0], [0, 1], [0, 1, 2]].map((berths) => beside(...berths).pools[0]?.base);
  assert.deepEqual(first, ["10.201.0.0/16", "10.224.0.0/16", "10.226.0.0/16", "10.228.0.0/16"]);
  const many = beside(...Array.from({ length: 16 }, (_, number) => number)).pools;
  assert.deepEqual(
    many.map(({ base }) => base),
    ["10.254.0.0/16", "10.255.0.0/16", "10.208.0.0/12"],
  );
});

test("a Berth's number is read from its bridge and its chains, and from nothing else", () => {
  const names = ["berth0", "BERTH", "berth12", "BERTH12", "berth", "BERTH0", "berth01", "BERTH-USER", "berthing1"];
  assert.deepEqual(names.map(berthNumber), [0, 0, 12, 12, null, null, null, null, null]);
});
