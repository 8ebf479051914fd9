import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { systemClock } from "../../../src/base/clock.ts";
import { Collector } from "../../../src/daemon/content/collector.ts";
import { LayerStore } from "../../../src/daemon/content/layer-store.ts";
import { Leases } from "../../../src/daemon/content/leases.ts";
import { Database } from "../../../src/daemon/state/database.ts";
import { Overlay2 } from "../../../src/daemon/storage/overlay2/driver.ts";
import { BlobStore } from "../../../src/oci/blob/store.ts";
import { chainId, sha256 } from "../../../src/oci/digest.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";
import { bytesOf } from "../../support/bytes.ts";
import { tarOf } from "../../support/tar.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const open = (root: string, workers: LayerWorkers) => {
  const clock = systemClock();
  const database = Database.open(join(root, "state.db"));
  const driver = new Overlay2(join(root, "overlay2"), workers);
  const layers = new LayerStore({ root: join(root, "layers"), driver, database, workers, clock });
  return { database, driver, layers, leases: new Leases(clock), [Symbol.dispose]: () => database.close() };
};

const first = tarOf({ name: "etc/" }, { name: "etc/passwd", content: "root\n" }, { name: "gone", content: "1" });
const second = tarOf({ name: ".wh.gone" }, { name: "new", content: "2" });

test("layers are stored once, rebuilt exactly, mounted, collected", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  using parts = open(directory.path, workers);
  const { layers, leases, driver } = parts;
  const lease = leases.open("test", 60_000);
  const [a, again] = await Promise.all([
    layers.register(null, Readable.from([gzipSync(first)]), { diffId: sha256(first), lease }),
    layers.register(null, Readable.from([zstdCompressSync(first)]), { diffId: sha256(first), lease }),
  ]);
  assert.equal(a, again);
  assert.equal(driver.list().length, 1);
  const b = await layers.register(a.chainId, Readable.from([second]), { lease });
  assert.equal(b.chainId, chainId(sha256(first), sha256(second)));
  assert.equal(b.sizeBytes, 1);
  assert.deepEqual(await bytesOf(layers.tar(a.chainId)), first);
  assert.deepEqual(await bytesOf(layers.tar(b.chainId)), second);

  await layers.createWritable("box", b.chainId);
  const root = layers.mountWritable("box");
  assert.deepEqual(readdirSync(root).sort(), [".dockerenv", "dev", "etc", "new", "proc", "sys"]);
  assert.deepEqual(await layers.changes("box"), []);
  writeFileSync(join(root, "etc/hosts"), "1234");
  assert.deepEqual(
    (await layers.changes("box")).map(({ path }) => path),
    ["/etc/hosts"],
  );
  assert.equal(await layers.rootSize("box", b.chainId), 4 + 1 + 6);
  assert.equal(layers.metadata("box")["UpperDir"], driver.diffPath("box"));

  const blobs = new BlobStore(join(directory.path, "content"));
  let needed = [b.chainId];
  const collector = new Collector({ blobs, layers, leases, roots: [() => ({ blobs: [], layers: needed })] });
  await lease[Symbol.asyncDispose]();
  assert.deepEqual(await collector.collect(), { blobs: 0, layers: 0, bytes: 0 });
  await layers.removeWritable("box");
  needed = [];
  const { digest } = await blobs.ingest(null, Buffer.from("blob"), { maxBytes: 100 });
  assert.ok(blobs.has(digest));
  assert.deepEqual(await collector.collect(), { blobs: 1, layers: 2, bytes: 4 + 1 + 6 });
  assert.equal(layers.get(a.chainId), undefined);
  assert.deepEqual(driver.list(), []);
});

test("a wrong archive leaves nothing behind", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  using parts = open(directory.path, workers);
  const { layers, leases, driver } = parts;
  const lease = leases.open("test", 60_000);
  const register = (bytes: Buffer, diffId = sha256(first)) =>
    layers.register(null, Readable.from([bytes]), { diffId, lease });
  await assert.rejects(register(second), { name: "DiffIdMismatch" });
  await assert.rejects(register(first.subarray(0, 700)), { message: "unexpected EOF" });
  await assert.rejects(register(gzipSync(first).subarray(0, 60)), { name: "CompressionError" });
  await assert.rejects(register(Buffer.from("no archive".repeat(100))), { message: "invalid tar header" });
  await assert.rejects(register(tarOf({ name: "../x" }), sha256(first)), /outside/);
  const failing = Readable.from(
    (function* () {
      yield first.subarray(0, 600);
      throw new Error("the line went dead");
    })(),
  );
  await assert.rejects(layers.register(null, failing, { lease }), { message: "the line went dead" });
  const abort = new AbortController();
  const waiting = layers.register(null, new Readable({ read() {} }), { lease, signal: abort.signal });
  setTimeout(() => abort.abort(new Error("enough")), 50);
  await assert.rejects(waiting, { message: "enough" });
  assert.deepEqual(driver.list(), []);
  assert.deepEqual(readdirSync(join(directory.path, "layers")), [".trash"]);
  assert.equal((await register(first)).diffId, sha256(first));
});

test("a start removes what a dead daemon left half done, and keeps the rest", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  let chain: string;
  {
    using parts = open(directory.path, workers);
    const { layers, leases, driver } = parts;
    const layer = await layers.register(null, Readable.from([first]), { lease: leases.open("test", 60_000) });
    chain = layer.chainId;
    await layers.createWritable("box", chain);
    await layers.createWritable("lost", chain);
    layers.mountWritable("box");
    await driver.create("half", null);
    mkdirSync(join(directory.path, "layers/half"));
  }
  using parts = open(directory.path, workers);
  const { layers, driver } = parts;
  await layers.restore(["box"]);
  const cacheId = layers.get(chain)?.cacheId ?? "";
  assert.deepEqual(driver.list().sort(), ["box", cacheId, `${cacheId}-init`].sort());
  assert.deepEqual(readdirSync(join(directory.path, "layers")).sort(), [".trash", cacheId].sort());
  assert.equal(readFileSync(join(layers.mountWritable("box"), "etc/passwd"), "utf8"), "root\n");
  assert.ok(existsSync(join(layers.mountWritable("box"), ".dockerenv")));
  assert.ok(await layers.verify(layers.get(chain) ?? assert.fail()));
  writeFileSync(join(driver.diffPath(cacheId), "etc/passwd"), "evil\n");
  assert.equal(await layers.verify(layers.get(chain) ?? assert.fail()), false);
});
