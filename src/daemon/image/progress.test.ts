import assert from "node:assert/strict";
import { test } from "node:test";
import { countBytes, countOf, humanSize, statusOf } from "./progress.ts";
import type { ProgressMessage } from "../../wire/engine/progress.ts";

test("sizes are written as Docker writes them", () => {
  const cases: [number, string][] = [
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [1536, "1.536kB"],
    [2_219_949, "2.22MB"],
    [123_456_789, "123.5MB"],
    [1_000_000_000_000, "1TB"],
  ];
  for (const [bytes, text] of cases) assert.equal(humanSize(bytes), text);
});

test("a bar is the text that old clients show", () => {
  assert.deepEqual(countOf("abc", "Downloading", 1_000, 2_000), {
    status: "Downloading",
    progressDetail: { current: 1000, total: 2000 },
    progress: "[=========================>                         ]      1kB/2kB",
    id: "abc",
  });
  assert.equal(countOf("abc", "Downloading", 1_000, 0).progress, "     1kB");
  assert.deepEqual(countOf("abc", "Waiting", 0, 0), statusOf("abc", "Waiting"));
});

test("counting reports seldom, and always the end", () => {
  const told: ProgressMessage[] = [];
  const count = countBytes("abc", "Extracting", 100, (message) => told.push(message));
  for (let step = 0; step < 100; step++) count(1);
  assert.deepEqual(
    told.map(({ progressDetail }) => progressDetail?.current),
    [1, 100],
  );
});
