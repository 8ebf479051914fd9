import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Lru } from "./lru.ts";
import { Pins } from "./pins.ts";
import { Uses } from "./uses.ts";

test("a held digest is not swept, and one that is swept is not held", async () => {
  const pins = new Pins();
  const order: string[] = [];
  const first = await pins.hold(["a", "b", "a"]);
  const second = await pins.hold(["a"]);
  assert.equal(await pins.sweep("a", async () => void order.push("never")), false);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(await pins.sweep("a", async () => void order.push("never")), false);
  second[Symbol.dispose]();
  const swept = pins.sweep("a", async () => {
    await sleep(20);
    order.push("swept");
  });
  using _third = await pins.hold(["b", "a"]);
  order.push("held");
  assert.equal(await swept, true);
  assert.deepEqual(order, ["swept", "held"]);
  await assert.rejects(
    pins.sweep("c", () => Promise.reject(new Error("x"))),
    /x/,
  );
  using _fourth = await pins.hold(["c"]);
});

test("what was asked for longest ago is forgotten", () => {
  const lru = new Lru<string, number>(10);
  lru.set("a", 1, 4);
  lru.set("b", 2, 4);
  assert.equal(lru.get("a"), 1);
  lru.set("c", 3, 4);
  assert.equal(lru.get("b"), undefined);
  assert.equal(lru.get("a"), 1);
  lru.set("huge", 4, 11);
  assert.equal(lru.get("huge"), undefined);
  lru.set("a", 5, 10);
  assert.equal(lru.get("c"), undefined);
  lru.delete("a");
  lru.set("d", 6, 10);
  assert.equal(lru.get("d"), 6);
});

test("what is not known counts as used at the start", () => {
  let now = 1000;
  const uses = new Uses(() => now);
  now = 2000;
  uses.note("r", "a");
  assert.equal(uses.last("r", "a"), 2000);
  assert.equal(uses.last("other", "a"), 1000);
  uses.forget();
  assert.equal(uses.last("r", "a"), 0);
});
