import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { findBinary } from "../../linux/process/find-binary.ts";
import { feedFile, feedStream } from "./feed.ts";
import type { Feed, FeedOptions } from "./feed.ts";
import { detectCompression } from "./format.ts";

const text = Buffer.from("a tar would be here ".repeat(20_000));

/** Everything that comes out of a feed, read while it is fed. */
const drain = async (feed: Feed): Promise<Buffer> => {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream("", { fd: feed.fd, autoClose: true })) chunks.push(chunk as Buffer);
    await feed.finished;
    return Buffer.concat(chunks);
  } finally {
    await feed.finished.catch(() => {});
    feed[Symbol.dispose]();
  }
};

const packed = (program: string): Buffer | null => {
  const path = findBinary(program);
  return path === null ? null : execFileSync(path, ["-c"], { input: text });
};

const forms: [name: string, bytes: Buffer | null][] = [
  ["identity", text],
  ["gzip", gzipSync(text)],
  ["zstd", zstdCompressSync(text)],
  ["bzip2", packed("bzip2")],
  ["xz", packed("xz")],
];

test("every compression is told by its first bytes and undone, from a stream and from a file", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-feed-"));
  try {
    for (const [name, bytes] of forms) {
      if (bytes === null) continue;
      assert.equal(detectCompression(bytes), name);
      const stream = await feedStream(Readable.from([bytes.subarray(0, 2), bytes.subarray(2, 4), bytes.subarray(4)]));
      assert.equal(stream.compression, name);
      assert.ok((await drain(stream)).equals(text), name);
      const path = join(directory, name);
      writeFileSync(path, bytes);
      assert.ok((await drain(await feedFile(path))).equals(text), name);
    }
    assert.equal((await drain(await feedStream(Readable.from([])))).length, 0);
    const two = Buffer.concat([gzipSync(text), gzipSync(text)]);
    assert.equal((await drain(await feedStream(Readable.from([two])))).length, 2 * text.length);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("without a program Node decompresses what it can, and the rest is refused", async () => {
  const options: FeedOptions = { programFor: () => null };
  for (const [name, bytes] of forms.slice(0, 3)) {
    if (bytes === null) continue;
    assert.ok((await drain(await feedStream(Readable.from([bytes]), options))).equals(text), name);
    if (name === "identity") continue;
    const broken = await feedStream(Readable.from([bytes.subarray(0, bytes.length - 20)]), options);
    await assert.rejects(drain(broken), { name: "CompressionError" }, name);
  }
  const xz = Readable.from([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])]);
  await assert.rejects(feedStream(xz, options), { kind: "not-implemented" });
});

test("data that is damaged or cut off is an error", async () => {
  for (const [name, bytes] of forms.slice(1)) {
    if (bytes === null) continue;
    const cut = await feedStream(Readable.from([bytes.subarray(0, bytes.length >> 1)]));
    await assert.rejects(drain(cut), { name: "CompressionError", message: `invalid ${name} data` }, name);
  }
});

test("a reader that goes away is no failure of the source, and a failing source is told", async () => {
  const gone = await feedStream(Readable.from([gzipSync(Buffer.alloc(8 << 20))]));
  closeSync(gone.fd);
  await gone.finished;
  const failing = await feedStream(
    Readable.from(
      (function* () {
        yield text;
        throw new Error("the line went dead");
      })(),
    ),
  );
  await assert.rejects(drain(failing), { message: "the line went dead" });
});
