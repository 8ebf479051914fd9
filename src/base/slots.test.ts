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

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("places change their number while some are taken and others waited for", async () => {
  const slots = new Slots(2);
  const taken = [await slots.take(), await slots.take()];
  const got: number[] = [];
  const waiting = [0, 1, 2].map(async (at) => {
    const place = await slots.take();
    got.push(at);
    return place;
  });
  slots.resize(3);
  await settled();
  assert.deepEqual(got, [0]);
  slots.resize(1);
  taken[0]?.[Symbol.dispose]();
  taken[1]?.[Symbol.dispose]();
  await settled();
  assert.deepEqual(got, [0], "three were taken: two are given up");
  (await waiting[0])?.[Symbol.dispose]();
  await settled();
  assert.deepEqual(got, [0, 1]);
  assert.equal(slots.isFree, false);
  (await waiting[1])?.[Symbol.dispose]();
  (await waiting[2])?.[Symbol.dispose]();
  await settled();
  assert.equal(slots.isFree, true);
});
