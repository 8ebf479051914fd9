import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../base/clock.ts";
import type { HealthStatus } from "../status.ts";
import { HealthMonitor, hasHealthcheck } from "./monitor.ts";

const ms = 1e6;

const observe = async (
  codes: number[],
  startPeriodMs = 0,
): Promise<{ seen: HealthStatus[]; monitor: HealthMonitor }> => {
  const seen: HealthStatus[] = [];
  let runs = 0;
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => (finish = resolve));
  const monitor = new HealthMonitor(
    { Test: ["CMD", "x"], Interval: 2 * ms, StartInterval: 2 * ms, StartPeriod: startPeriodMs * ms, Retries: 2 },
    systemClock(),
    async () => {
      const exitCode = codes[runs++];
      if (exitCode === undefined) {
        finish();
        return new Promise(() => {});
      }
      return { exitCode, output: `run ${runs}` };
    },
    (status) => seen.push(status),
  );
  const keep = setInterval(() => {}, 1000);
  await done;
  clearInterval(keep);
  monitor.stop();
  return { seen, monitor };
};

test("healthy at the first success, unhealthy after so many failures in a row", async () => {
  const { seen, monitor } = await observe([0, 1, 0, 1, 1, 0]);
  assert.deepEqual(seen, ["healthy", "unhealthy", "healthy"]);
  const document = monitor.document();
  assert.equal(document.Log?.length, 5);
  assert.equal(document.Log?.at(-1)?.Output, "run 6");
  assert.equal(document.FailingStreak, 0);
});

test("failures in the start period do not count", async () => {
  const { seen, monitor } = await observe([1, 1, 1, 1], 60_000);
  assert.deepEqual(seen, []);
  assert.equal(monitor.status, "starting");
  assert.equal(monitor.document().FailingStreak, 0);
});

test("NONE and nothing are no health check", () => {
  assert.ok(!hasHealthcheck(undefined));
  assert.ok(!hasHealthcheck({ Test: [] }));
  assert.ok(!hasHealthcheck({ Test: ["NONE"] }));
  assert.ok(hasHealthcheck({ Test: ["CMD-SHELL", "true"] }));
});
