import assert from "node:assert/strict";
import { test } from "node:test";
import { Slots } from "./slots.ts";

test("places are given in order, and come back once", async () => {
  const slots = new Slots(1);
  const first = await slots.take();
  const order: number[] = [];
  const second = slots.take().then((place) => (order.push(2), place));
  const third = slots.take().then((place) => (order.push(3), place));
  assert.equal(slots.isFree, false);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  assert.deepEqual(order, [2, 3]);
  assert.equal(slots.isFree, true);
});

test("who leaves the queue takes no place", async () => {
  const slots = new Slots(1);
  const first = await slots.take();
  const abort = new AbortController();
  const left = slots.take(abort.signal);
  const stays = slots.take();
  abort.abort(new Error("left"));
  await assert.rejects(left, { message: "left" });
  first[Symbol.dispose]();
  (await stays)[Symbol.dispose]();
  assert.equal(slots.isFree, true);
});
