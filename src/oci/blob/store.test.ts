import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { sha256 } from "../digest.ts";
import { BlobStore } from "./store.ts";

const withStore = async (work: (store: BlobStore, root: string) => Promise<void>): Promise<void> => {
  const root = mkdtempSync(join(tmpdir(), "berth-blobs-"));
  try {
    await work(new BlobStore(root), root);
  } finally {
    rmSync(root, { recursive: true });
  }
};

const bytes = Buffer.from("content");
const digest = sha256(bytes);

test("what is taken in can be read, once however many bring it", async () => {
  await withStore(async (store, root) => {
    assert.equal(store.has(digest), false);
    const sources = [bytes, Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]), Readable.from([bytes])];
    const seen: number[] = [];
    const options = { maxBytes: 100, onProgress: (count: number) => void seen.push(count) };
    const results = await Promise.all(
      sources.map((source, index) => store.ingest(index === 0 ? null : digest, source, options)),
    );
    for (const result of results) assert.deepEqual(result, { digest, size: 7 });
    assert.ok(store.has(digest) && store.size(digest) === 7 && seen.includes(3));
    assert.deepEqual(await store.read(digest), bytes);
    assert.deepEqual(store.list(), [digest]);
    assert.deepEqual(readdirSync(join(root, "ingest")), []);
    assert.deepEqual(readFileSync(store.path(digest)), bytes);
    await store.remove(digest);
    await store.remove(digest);
    assert.deepEqual(store.list(), []);
  });
});

test("what is not what it should be is refused and leaves nothing", async () => {
  await withStore(async (store, root) => {
    const wrong: [AsyncIterable<Uint8Array> | Uint8Array, object, RegExp][] = [
      [Buffer.from("contenT"), { maxBytes: 100 }, /has the digest/],
      [bytes, { maxBytes: 6 }, /larger than 6 bytes/],
      [bytes, { maxBytes: 100, sizeBytes: 6 }, /longer than/],
      [bytes.subarray(0, 6), { maxBytes: 100, sizeBytes: 7 }, /6 bytes instead/],
      [bytes, { maxBytes: 100, signal: AbortSignal.abort(new Error("stop")) }, /stop/],
      [
        Readable.from(
          (function* () {
            yield bytes;
            throw new Error("line");
          })(),
        ),
        { maxBytes: 100 },
        /line/,
      ],
    ];
    for (const [source, options, message] of wrong) {
      await assert.rejects(store.ingest(digest, source, options as { maxBytes: number }), { message });
    }
    await assert.rejects(store.ingest("sha256:../../x", bytes, { maxBytes: 100 }), { kind: "invalid-parameter" });
    assert.throws(() => store.path("sha256:x"), { kind: "invalid-parameter" });
    assert.deepEqual(store.list(), []);
    assert.deepEqual(readdirSync(join(root, "ingest")), []);
  });
});

test("damage is seen, and a start removes what was half written", async () => {
  await withStore(async (store, root) => {
    await store.ingest(null, bytes, { maxBytes: 100 });
    assert.ok(await store.verify(digest));
    writeFileSync(store.path(digest), "damaged");
    assert.equal(await store.verify(digest), false);
    await assert.rejects(store.read(digest), { name: "ContentMismatch" });
    writeFileSync(join(root, "ingest/half"), "half");
    assert.deepEqual(new BlobStore(root).list(), [digest]);
    assert.deepEqual(readdirSync(join(root, "ingest")), []);
  });
});
