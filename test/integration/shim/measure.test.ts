import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ShimFile } from "../../../src/wire/shim/protocol.ts";
import { Containers } from "./container.ts";

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

// The bounds are far below what an idle machine does, so that a busy one does not fail; the figures are printed.
test("start to exit takes milliseconds", async (t) => {
  await using containers = new Containers();
  const times: number[] = [];
  for (let i = 0; i < 15; i++) {
    const began = performance.now();
    const { connection } = await containers.start(`t${i}`, ["true"]);
    await connection.exited;
    times.push(performance.now() - began);
  }
  t.diagnostic(`start to exit: median ${median(times).toFixed(1)} ms, least ${Math.min(...times).toFixed(1)} ms`);
  assert.ok(median(times) < 100);
});

test("100-byte lines are logged fast", async (t) => {
  await using containers = new Containers();
  const command = `yes ${"x".repeat(99)} | head -c 100000000`;
  const rates: number[] = [];
  for (let i = 0; i < 3; i++) {
    const id = `w${i}`;
    const began = performance.now();
    const { connection } = await containers.start(id, ["sh", "-c", command], {
      log: { path: containers.log(id), maxSizeBytes: 20_000_000, maxFiles: 2 },
    });
    await connection.exited;
    rates.push(100_000 / (performance.now() - began));
  }
  t.diagnostic(`log write: median ${median(rates).toFixed(0)} MB/s`);
  assert.ok(median(rates) > 50);
});

test("an idle shim is small, also after it was busy", async (t) => {
  await using containers = new Containers();
  const sizes: number[] = [];
  for (let i = 0; i < 4; i++) {
    const id = `i${i}`;
    await containers.start(id, ["sh", "-c", "seq 1 200000; sleep 60"]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { pid } = JSON.parse(readFileSync(join(containers.dir(id), "shim.json"), "utf8")) as ShimFile;
    sizes.push(Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]));
  }
  t.diagnostic(`PSS of one shim among four: ${sizes.at(-1)} kB`);
  assert.ok((sizes.at(-1) ?? Infinity) < 200);
});
