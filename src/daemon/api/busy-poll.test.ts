import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BusyPoll } from "./busy-poll.ts";

test("the loop stays awake for a moment, and sleeps again", async () => {
  const poll = new BusyPoll();
  poll.stayAwake();
  poll.stayAwake();
  await sleep(20);
  const before = process.cpuUsage();
  await sleep(200);
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 100_000, `${user + system} µs of processor time while nothing is asked`);
});
