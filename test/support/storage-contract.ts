// What every storage of a registry must do, whatever it keeps its objects in.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "./temporary.ts";
import type { Storage } from "../../src/registry/storage/storage.ts";

export interface OpenStorage extends AsyncDisposable {
  storage: Storage;
}

const collect = async <T>(values: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
};

const readAll = async (storage: Storage, key: string, start: number, end: number): Promise<Buffer> => {
  await using stored = await storage.open(key);
  assert.ok(stored !== null);
  const pieces: Buffer[] = [];
  // A piece is only good until the next is asked for.
  for await (const piece of stored.pieces(start, end)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
};

/** Declares the tests for one storage. @param open a new, empty one */
export const storageContract = (name: string, open: () => Promise<OpenStorage>): void => {
  test(`${name}: objects are written, replaced, read and removed`, async () => {
    await using opened = await open();
    const { storage } = opened;
    assert.equal(await storage.read("a/b/link", 100), null);
    assert.equal(await storage.stat("a/b/link"), null);
    assert.equal(await storage.open("a/b/link"), null);
    assert.equal(await storage.remove("a/b/link"), false);
    const before = Date.now();
    await storage.write("a/b/link", Buffer.from("one"));
    await storage.write("a/b/link", Buffer.from("another"));
    await storage.write("a/b/empty", Buffer.alloc(0));
    assert.equal((await storage.read("a/b/link", 100))?.toString(), "another");
    assert.equal((await storage.read("a/b/empty", 100))?.length, 0);
    await assert.rejects(storage.read("a/b/link", 3), /larger than 3 bytes/);
    const found = await storage.stat("a/b/link");
    assert.equal(found?.sizeBytes, 7);
    // A store's clock may show whole seconds.
    assert.ok(Math.abs((found?.modifiedMs ?? 0) - before) < 5_000);
    assert.equal(await storage.stat("a/b"), null);
    assert.equal(await storage.remove("a/b/link"), true);
    assert.equal(await storage.remove("a/b/link"), false);
    assert.equal(await storage.read("a/b/link", 100), null);
  });

  test(`${name}: a local file becomes an object; any part of it can be read`, async () => {
    await using opened = await open();
    using directory = temporaryDirectory();
    const { storage } = opened;
    for (const size of [0, 1, 1_000_000, 12_000_001]) {
      const bytes = randomBytes(size);
      const path = join(directory.path, "file");
      writeFileSync(path, bytes);
      const key = `blobs/${size}/data`;
      await storage.take(key, path);
      assert.ok(!existsSync(path));
      assert.equal((await storage.stat(key))?.sizeBytes, size);
      assert.ok((await readAll(storage, key, 0, size)).equals(bytes), `${size}`);
      const [start, end] = [Math.floor(size / 3), Math.ceil((size * 2) / 3)];
      assert.ok((await readAll(storage, key, start, end)).equals(bytes.subarray(start, end)));
      assert.equal((await readAll(storage, key, size, size)).length, 0);
    }
  });

  test(`${name}: a reader that stops early leaves nothing open`, async () => {
    await using opened = await open();
    using directory = temporaryDirectory();
    const path = join(directory.path, "file");
    writeFileSync(path, randomBytes(5_000_000));
    await opened.storage.take("big/data", path);
    for (let times = 0; times < 20; times++) {
      await using stored = await opened.storage.open("big/data");
      assert.ok(stored !== null);
      for await (const piece of stored.pieces(0, stored.sizeBytes)) {
        assert.ok(piece.length > 0);
        break;
      }
    }
  });

  test(`${name}: a folder lists what is directly in it, in order, from anywhere`, async () => {
    await using opened = await open();
    const { storage } = opened;
    assert.deepEqual(await collect(storage.list("none")), []);
    const names = ["b", "a", "a-b", "a.b", "A", "_x", "z10", "z9"];
    for (const each of names) await storage.write(`top/${each}/current/link`, Buffer.from(each));
    await storage.write("top/file", Buffer.from("x"));
    await storage.write("top2/x", Buffer.from("x"));
    const expected = [...names, "file"].toSorted((a, b) => (a < b ? -1 : 1));
    const all = await collect(storage.list("top"));
    assert.deepEqual(
      all.map((entry) => entry.name),
      expected,
    );
    assert.ok(all.every((entry) => entry.isFolder === (entry.name !== "file")));
    for (const after of [...expected, "a0", "m", "zz"]) {
      const rest = await collect(storage.list("top", after));
      assert.deepEqual(
        rest.map((entry) => entry.name),
        expected.filter((each) => each > after),
        after,
      );
    }
  });

  test(`${name}: what was removed leaves no folder behind, its neighbours stay`, async () => {
    await using opened = await open();
    const { storage } = opened;
    for (const key of ["r/a/x/link", "r/a/y/link", "r/ab/link"]) await storage.write(key, Buffer.from("x"));
    await storage.remove("r/a/x/link");
    const names = async (folder: string): Promise<string[]> =>
      (await collect(storage.list(folder))).map((entry) => entry.name);
    assert.deepEqual(await names("r/a"), ["y"]);
    await storage.removeFolder("r/a");
    assert.deepEqual(await names("r"), ["ab"]);
    await storage.removeFolder("r/a");
    assert.equal((await storage.read("r/ab/link", 10))?.toString(), "x");
    await storage.remove("r/ab/link");
    assert.deepEqual(await names("r"), []);
  });

  test(`${name}: many may write to and remove from one folder at the same time`, async () => {
    await using opened = await open();
    const { storage } = opened;
    const work = async (worker: number): Promise<void> => {
      for (let n = 0; n < 30; n++) {
        await storage.write(`busy/folder/${worker}/link`, Buffer.from(`${n}`));
        assert.equal((await storage.read(`busy/folder/${worker}/link`, 10))?.toString(), `${n}`);
        await storage.remove(`busy/folder/${worker}/link`);
      }
      await storage.write(`busy/folder/${worker}/link`, Buffer.from("kept"));
    };
    await Promise.all([0, 1, 2, 3].map(work));
    assert.equal((await collect(storage.list("busy/folder"))).length, 4);
  });
};
