import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { systemClock } from "../../../src/base/clock.ts";
import { Collector } from "../../../src/daemon/content/collector.ts";
import { Durability } from "../../../src/daemon/content/durability.ts";
import { BlobStore } from "../../../src/oci/blob/store.ts";
import { chainId, sha256 } from "../../../src/oci/digest.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";
import { mountTmpfs } from "../../../src/linux/mount/mount.ts";
import { bytesOf } from "../../support/bytes.ts";
import { openLayerStore } from "../../support/layer-store.ts";
import { tarOf } from "../../support/tar.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** A program that registers an endless layer, tells when it has begun, and is killed. */
const endlessRegistration = (root: string): string => `
  const { openLayerStore } = await import(${JSON.stringify(new URL("../../support/layer-store.ts", import.meta.url).href)});
  const { Readable } = await import("node:stream");
  const { LayerWorkers } = await import(${JSON.stringify(new URL("../../../src/oci/layer/worker/pool.ts", import.meta.url).href)});
  const { layers, leases } = openLayerStore(${JSON.stringify(root)}, new LayerWorkers());
  const { memberOf } = await import(${JSON.stringify(new URL("../../support/tar.ts", import.meta.url).href)});
  let count = 0;
  const source = Readable.from((async function* () {
    for (;;) {
      yield memberOf({ name: "file-" + count++, content: "x".repeat(10000) });
      if (count === 2000) console.log("begun");
      if (count > 2000) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })());
  await layers.register(null, source, { lease: leases.open("test", 60000) });
`;

const first = tarOf({ name: "etc/" }, { name: "etc/passwd", content: "root\n" }, { name: "gone", content: "1" });
const second = tarOf({ name: ".wh.gone" }, { name: "new", content: "2" });

test("layers are stored once, rebuilt exactly, mounted, collected", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  using parts = openLayerStore(directory.path, workers);
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

  await layers.writable.create("box", b.chainId);
  const root = layers.writable.mount("box");
  assert.deepEqual(readdirSync(root).sort(), [".dockerenv", "dev", "etc", "new", "proc", "sys"]);
  assert.deepEqual(await layers.writable.changes("box"), []);
  writeFileSync(join(root, "etc/hosts"), "1234");
  assert.deepEqual(
    (await layers.writable.changes("box")).map(({ path }) => path),
    ["/etc", "/etc/hosts"],
  );
  assert.equal(await layers.writable.rootSize("box", b.chainId), 4 + 1 + 6);
  assert.equal(layers.metadata("box")["UpperDir"], driver.diffPath("box"));

  const blobs = new BlobStore(join(directory.path, "content"));
  let needed = [b.chainId];
  const collector = new Collector({ blobs, layers, leases, roots: [() => ({ blobs: [], layers: needed })] });
  await lease[Symbol.asyncDispose]();
  assert.deepEqual(await collector.collect(), { blobs: 0, layers: 0, bytes: 0 });
  await layers.writable.remove("box");
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
  using parts = openLayerStore(directory.path, workers);
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
    using parts = openLayerStore(directory.path, workers);
    const { layers, leases, driver } = parts;
    const layer = await layers.register(null, Readable.from([first]), { lease: leases.open("test", 60_000) });
    chain = layer.chainId;
    await layers.writable.create("box", chain);
    await layers.writable.create("lost", chain);
    layers.writable.mount("box");
    await driver.create("half", null);
    mkdirSync(join(directory.path, "layers/half"));
  }
  using parts = openLayerStore(directory.path, workers);
  const { layers, driver } = parts;
  await layers.restore([{ id: "box", top: chain, hasInit: true }]);
  const cacheId = layers.get(chain)?.cacheId ?? "";
  assert.deepEqual(driver.list().sort(), ["box", cacheId, `${cacheId}-init`].sort());
  assert.deepEqual(readdirSync(join(directory.path, "layers")).sort(), [".trash", cacheId].sort());
  assert.equal(readFileSync(join(layers.writable.mount("box"), "etc/passwd"), "utf8"), "root\n");
  assert.ok(existsSync(join(layers.writable.mount("box"), ".dockerenv")));
  assert.ok(await layers.verify(layers.get(chain) ?? assert.fail()));
  writeFileSync(join(driver.diffPath(cacheId), "etc/passwd"), "evil\n");
  assert.equal(await layers.verify(layers.get(chain) ?? assert.fail()), false);
});

test("a compressed stream is checked against its own digest in the same pass", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  using parts = openLayerStore(directory.path, workers);
  const { layers, leases, driver } = parts;
  const lease = leases.open("test", 60_000);
  const packed = gzipSync(first);
  const register = (bytes: Buffer, digest: string) =>
    layers.register(null, Readable.from([bytes]), { diffId: sha256(first), lease, blob: { digest } });
  const other = gzipSync(first, { level: 1 });
  assert.notDeepEqual(other, packed);
  await assert.rejects(register(other, sha256(packed)), { name: "ContentMismatch" });
  await assert.rejects(register(Buffer.concat([packed, Buffer.from("more")]), sha256(packed)), {
    name: "ContentMismatch",
  });
  assert.deepEqual(driver.list(), []);
  assert.equal((await register(packed, sha256(packed))).diffId, sha256(first));
});

test("a file is unpacked with its progress told", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  using parts = openLayerStore(directory.path, workers);
  const { layers, leases } = parts;
  for (const [index, bytes] of [gzipSync(first), second].entries()) {
    const path = join(directory.path, `layer-${index}`);
    writeFileSync(path, bytes);
    const seen: number[] = [];
    const onProgress = (count: number): void => void seen.push(count);
    await layers.register(null, { path }, { lease: leases.open("test", 60_000), onProgress });
    assert.equal(seen.at(-1), bytes.length);
  }
});

test("a daemon killed in the middle of a layer leaves only what the next start removes", async () => {
  using directory = temporaryDirectory();
  const daemon = spawn(process.execPath, ["--input-type=module", "-e", endlessRegistration(directory.path)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(daemon.stdout, "data");
  daemon.kill("SIGKILL");
  await once(daemon, "exit");
  await using workers = new LayerWorkers();
  using parts = openLayerStore(directory.path, workers);
  assert.equal(parts.driver.list().length, 1);
  await parts.layers.restore([]);
  assert.deepEqual(parts.driver.list(), []);
  assert.deepEqual(readdirSync(join(directory.path, "layers")), [".trash"]);
  await parts.driver.emptied();
  assert.deepEqual(readdirSync(join(directory.path, "overlay2/.trash")), []);
  assert.deepEqual(readdirSync(join(directory.path, "overlay2/l")), []);
});

test("after a power loss damaged content is dropped with what stands on it, and the rest stays", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  using parts = openLayerStore(directory.path, workers);
  const { layers, leases, driver, database } = parts;
  const blobs = new BlobStore(join(directory.path, "content"));
  const common = { root: directory.path, database, blobs, layers, workers, clock: systemClock() };
  const boot = (bootId: string): Durability => new Durability({ ...common, bootId });
  await using day = boot("one");
  assert.deepEqual(await day.recover(), { layers: [], blobs: [] });
  const lease = leases.open("test", 60_000);
  const a = await layers.register(null, Readable.from([first]), { lease });
  const b = await layers.register(a.chainId, Readable.from([second]), { lease });
  const c = await layers.register(null, Readable.from([second]), { lease });
  const { digest } = await blobs.ingest(null, Buffer.from("blob"), { maxBytes: 100 });
  const good = await blobs.ingest(null, Buffer.from("good"), { maxBytes: 100 });
  await layers.writable.create("box", c.chainId);
  writeFileSync(join(driver.diffPath(a.cacheId), "etc/passwd"), "root?");
  writeFileSync(blobs.path(digest), "");
  rmSync(join(driver.diffPath(`${c.cacheId}-init`), "etc/hosts"));
  // The same boot: the page cache has it all.
  assert.deepEqual(await boot("one").recover(), { layers: [], blobs: [] });
  const lost = await boot("two").recover();
  assert.deepEqual(new Set(lost.layers), new Set([a.chainId, b.chainId]));
  assert.deepEqual(lost.blobs, [digest]);
  assert.deepEqual(layers.all(), [c]);
  assert.deepEqual(blobs.list(), [good.digest]);
  assert.ok(existsSync(join(layers.writable.mount("box"), "etc/hosts")));
  assert.deepEqual(await boot("three").recover(), { layers: [], blobs: [] });
});

test("a full disk is an error that leaves nothing, and goes when there is room", async () => {
  using directory = temporaryDirectory();
  mountTmpfs(directory.path, { data: { size: "24m" } });
  await using workers = new LayerWorkers();
  using parts = openLayerStore(directory.path, workers);
  const { layers, leases, driver } = parts;
  const lease = leases.open("test", 60_000);
  const large = tarOf({ name: "large", content: Buffer.alloc(32 << 20, 1) });
  await assert.rejects(layers.register(null, Readable.from([large]), { lease }), {
    name: "TarError",
    message: /no space left on device/,
  });
  await driver.emptied();
  assert.deepEqual(driver.list(), []);
  assert.deepEqual(
    await bytesOf(layers.tar((await layers.register(null, Readable.from([first]), { lease })).chainId)),
    first,
  );
});

test("closing the workers cuts off what waits for the other side", async () => {
  using directory = temporaryDirectory();
  const workers = new LayerWorkers();
  using parts = openLayerStore(directory.path, workers);
  const { layers, leases } = parts;
  const lease = leases.open("test", 60_000);
  const large = tarOf({ name: "large", content: Buffer.alloc(8 << 20, 1) });
  const { chainId: chain } = await layers.register(null, Readable.from([large]), { lease });
  const unread = layers.tar(chain);
  unread.on("error", () => {});
  const silent = [new Readable({ read() {} }), new Readable({ read() {} })];
  silent[1]?.push(gzipSync(large).subarray(0, 2000));
  const waiting = silent.map((source) => layers.register(null, source, { lease }));
  const settled = Promise.allSettled(waiting);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await workers[Symbol.asyncDispose]();
  assert.deepEqual(
    (await settled).map(({ status }) => status),
    ["rejected", "rejected"],
  );
});

test("an archive that nobody reads, or reads to its end, holds no thread", async () => {
  using directory = temporaryDirectory();
  await using workers = new LayerWorkers();
  using parts = openLayerStore(directory.path, workers);
  const { layers, leases } = parts;
  const lease = leases.open("test", 60_000);
  const large = tarOf({ name: "large", content: Buffer.alloc(8 << 20, 1) });
  const { chainId: chain } = await layers.register(null, Readable.from([large]), { lease });
  for (let round = 0; round < 3; round++) {
    const archives = Array.from({ length: 8 }, () => layers.tar(chain));
    for (const [index, archive] of archives.entries()) {
      if (index % 2 === 0) await once(archive, "readable");
      archive.destroy();
    }
  }
  assert.equal((await bytesOf(layers.tar(chain))).length, large.length);
});
