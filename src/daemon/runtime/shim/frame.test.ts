import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameDecoder, encodeFrame } from "./frame.ts";

const all = (decoder: FrameDecoder, chunks: Uint8Array[]): [number, string][] =>
  chunks.flatMap((chunk) =>
    [...decoder.decode(chunk)].map(({ type, payload }): [number, string] => [type, payload.toString()]),
  );

test("a frame has Docker's header", () => {
  assert.deepEqual(encodeFrame(2, "hey"), Buffer.from([2, 0, 0, 0, 0, 0, 0, 3, 0x68, 0x65, 0x79]));
  assert.deepEqual(encodeFrame(200), Buffer.from([200, 0, 0, 0, 0, 0, 0, 0]));
});

test("frames are found wherever the stream is cut", () => {
  const stream = Buffer.concat([encodeFrame(1, "one"), encodeFrame(2, ""), encodeFrame(255, "three")]);
  for (let size = 1; size <= stream.length; size++) {
    const chunks = [];
    for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
    assert.deepEqual(all(new FrameDecoder(16), chunks), [
      [1, "one"],
      [2, ""],
      [255, "three"],
    ]);
  }
});

test("what follows a frame that was taken stays in rest", () => {
  const decoder = new FrameDecoder(16);
  for (const frame of decoder.decode(Buffer.concat([encodeFrame(1, "x"), Buffer.from("plain")]))) {
    assert.equal(frame.type, 1);
    break;
  }
  assert.equal(decoder.rest.toString(), "plain");
});

test("a frame beyond the bound is refused before it is held", () => {
  const decoder = new FrameDecoder(4);
  assert.throws(() => [...decoder.decode(encodeFrame(1, "12345"))], RangeError);
});
