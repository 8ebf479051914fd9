import assert from "node:assert/strict";
import { test } from "node:test";
import { humanDuration } from "./human.ts";

test("spans read as Docker's", () => {
  const second = 1000;
  const hour = 3600 * second;
  const table: [number, string][] = [
    [10, "Less than a second"],
    [second, "1 second"],
    [59 * second, "59 seconds"],
    [90 * second, "About a minute"],
    [45 * 60 * second, "45 minutes"],
    [hour, "About an hour"],
    [47 * hour, "47 hours"],
    [72 * hour, "3 days"],
    [24 * 20 * hour, "2 weeks"],
    [24 * 90 * hour, "3 months"],
    [24 * 365 * 3 * hour, "3 years"],
  ];
  for (const [ms, text] of table) assert.equal(humanDuration(ms), text);
});
