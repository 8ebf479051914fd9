import assert from "node:assert/strict";
import { test } from "node:test";
import { detachFilter, parseDetachKeys } from "./detach-keys.ts";

const feed = async (keys: string, chunks: (string | number[])[]): Promise<{ out: string; detached: boolean }> => {
  let detached = false;
  const filter = detachFilter(parseDetachKeys(keys), () => (detached = true));
  const out: Buffer[] = [];
  filter.on("data", (chunk: Buffer) => out.push(chunk));
  for (const chunk of chunks) filter.write(Buffer.from(chunk as string));
  filter.end();
  await new Promise((resolve) => filter.on("end", resolve));
  return { out: Buffer.concat(out).toString("latin1"), detached };
};

test("the default is ctrl-p ctrl-q", () => assert.deepEqual([...parseDetachKeys("")], [16, 17]));

test("keys are letters and ctrl- forms", () => {
  assert.deepEqual([...parseDetachKeys("ctrl-a,b,ctrl-[,ctrl-@")], [1, 98, 27, 0]);
  assert.throws(() => parseDetachKeys("ctrl-p,shift-x"), /Invalid detach keys/);
});

test("the sequence detaches, also across chunks, and is not passed on", async () => {
  assert.deepEqual(await feed("", ["ab", [16], [17], "cd"]), { out: "ab", detached: true });
});

test("a broken sequence is passed on whole", async () => {
  assert.deepEqual(await feed("", [[16], "x", [16, 16, 121]]), { out: "\x10x\x10\x10y", detached: false });
  assert.deepEqual(await feed("", ["a", [16]]), { out: "a\x10", detached: false });
});
