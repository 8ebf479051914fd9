import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { load } from "../config/load.ts";
import { noMetrics } from "../metrics/metrics.ts";
import { Collector } from "./collector.ts";

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

const minuteMs = 60_000;

/** Counts the collections that begin by themselves. */
const runsOf = (argv: string[]) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const run = mock.method(Collector.prototype, "run", () => Promise.reject(new Error("no disk")));
  type Parts = ConstructorParameters<typeof Collector>[0];
  const collector = new Collector({} as Parts, load(argv, {}).config, () => undefined, noMetrics);
  collector.start();
  return { collector, count: () => run.mock.callCount() };
};

test("a server that is started anew each day collects all the same", async () => {
  const { collector, count } = runsOf([]);
  mock.timers.tick(69 * minuteMs);
  assert.equal(count(), 0);
  mock.timers.tick(minuteMs);
  assert.equal(count(), 1);
  mock.timers.tick(24 * 60 * minuteMs);
  assert.equal(count(), 2);
  await collector[Symbol.asyncDispose]();
  mock.timers.tick(48 * 60 * minuteMs);
  assert.equal(count(), 2);
});

test("a shorter interval counts from the start", () => {
  const { count } = runsOf(["--gc-interval", "5m"]);
  for (const after of [1, 2, 3]) {
    mock.timers.tick(5 * minuteMs);
    assert.equal(count(), after);
  }
});
