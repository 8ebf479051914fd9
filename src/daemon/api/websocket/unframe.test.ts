import assert from "node:assert/strict";
import { test } from "node:test";
import { Unframer } from "./unframe.ts";

test("frames come off however they are cut", () => {
  const frames = Buffer.concat(
    ["hello", "", "world"].map((text) =>
      Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]),
    ),
  );
  for (let size = 1; size <= frames.length; size++) {
    const unframer = new Unframer();
    let seen = "";
    for (let at = 0; at < frames.length; at += size) seen += unframer.take(frames.subarray(at, at + size)).toString();
    assert.equal(seen, "helloworld", `pieces of ${size}`);
  }
});
