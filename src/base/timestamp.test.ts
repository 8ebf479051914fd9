import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDurationMs, parseTimestampMs } from "./timestamp.ts";

test("Go's durations", () => {
  const cases: [string, number | undefined][] = [
    ["1h30m", 5_400_000],
    ["1.5s", 1500],
    ["250ms", 250],
    ["-2m", -120_000],
    ["10", undefined],
    ["1d", undefined],
    ["", undefined],
  ];
  for (const [text, ms] of cases) assert.equal(parseDurationMs(text), ms, text);
});

test("times in filters", () => {
  const now = Date.parse("2024-05-06T12:00:00Z");
  const cases: [string, string][] = [
    ["2h", "2024-05-06T10:00:00Z"],
    ["1714979289", "2024-05-06T07:08:09Z"],
    ["1714979289.5", "2024-05-06T07:08:09.5Z"],
    ["2024-05-06", "2024-05-06T00:00:00Z"],
    ["2024-05-06T07", "2024-05-06T07:00:00Z"],
    ["2024-05-06T07:08", "2024-05-06T07:08:00Z"],
    ["2024-05-06T07:08:09.25+02:00", "2024-05-06T05:08:09.25Z"],
  ];
  for (const [text, time] of cases) assert.equal(parseTimestampMs(text, now), Date.parse(time), text);
  assert.throws(() => parseTimestampMs("x", now), { message: 'failed to parse value as time or duration: "x"' });
});
