import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { SharedWork } from "./shared-work.ts";

test("two that want the same get one run, its progress and its result", async () => {
  const shared = new SharedWork<number, string>();
  let runs = 0;
  const heard: string[] = [];
  const gate = Promise.withResolvers<void>();
  const work = async (_: AbortSignal, tell: (message: string) => void): Promise<number> => {
    runs++;
    tell("begun");
    await gate.promise;
    tell("done");
    return 7;
  };
  const first = shared.run("k", work, { onMessage: (message) => heard.push(`1 ${message}`) });
  await turn();
  const second = shared.run("k", work, { onMessage: (message) => heard.push(`2 ${message}`) });
  await turn();
  gate.resolve();
  assert.deepEqual(await Promise.all([first, second]), [7, 7]);
  assert.equal(runs, 1);
  assert.deepEqual(heard, ["1 begun", "2 begun", "1 done", "2 done"]);
  assert.equal(await shared.run("k", work, { onMessage: () => undefined }), 7);
  assert.equal(runs, 2);
});

test("work ends when the last one has left, not before", async () => {
  const shared = new SharedWork<void, never>();
  const aborted: unknown[] = [];
  const work = (signal: AbortSignal): Promise<void> =>
    new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        aborted.push(signal.reason);
        reject(signal.reason as Error);
      }),
    );
  const [one, two] = [new AbortController(), new AbortController()];
  const onMessage = (): void => undefined;
  const first = shared.run("k", work, { signal: one.signal, onMessage });
  const second = shared.run("k", work, { signal: two.signal, onMessage });
  one.abort(new Error("one left"));
  await assert.rejects(first, { message: "one left" });
  assert.deepEqual(aborted, []);
  two.abort(new Error("two left"));
  await assert.rejects(second, { message: "two left" });
  assert.equal(aborted.length, 1);
});

test("a failure reaches everyone, and the next one starts anew", async () => {
  const shared = new SharedWork<number, never>();
  const onMessage = (): void => undefined;
  const fail = async (): Promise<number> => {
    await turn();
    throw new Error("no");
  };
  const results = await Promise.allSettled([
    shared.run("k", fail, { onMessage }),
    shared.run("k", fail, { onMessage }),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(await shared.run("k", async () => 1, { onMessage }), 1);
});
