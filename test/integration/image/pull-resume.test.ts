// Bytes of a layer that came before a pull was cut off are not fetched again; large ones come in parts.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { BlobStore } from "../../../src/oci/blob/store.ts";
import { CountingRegistry } from "../../support/counting-registry.ts";
import { Daemon } from "../../support/daemon.ts";
import { openImages } from "../../support/engine-images.ts";
import { Http } from "../../support/http.ts";
import { digestOf, imageOf, layerOf } from "../../support/image.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const megabyte = 2 ** 20;
/** What may have been on its way, or written and not noted yet, when a daemon dies: some buffers a connection. */
const lostBytesMax = 4 * megabyte;

const layer = (name: string, megabytes: number) =>
  layerOf([{ name, content: randomBytes(megabytes * megabyte) }], "none");
const small = imageOf({ layers: [layer("base", 2), layer("top", 24)] });
const [base, top] = [small.layers[0]!, small.layers[1]!];

const until = async (done: () => boolean, what: string): Promise<void> => {
  for (const end = Date.now() + 20_000; !done();) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(10);
  }
};

const ingestOf = (root: string): string[] => readdirSync(join(root, "content/ingest"));

test("after kill -9 of the daemon in the middle, only the missing bytes are asked for", async () => {
  await using registry = await new CountingRegistry({ image: small }).listen();
  registry.isSlow = true;
  await using daemon = await Daemon.start();
  const api = new Http(daemon.socketPath);
  const pulling = api.call("POST", `/images/create?fromImage=${registry.name}&tag=latest`).catch(() => undefined);
  await until(() => registry.sentBytes(top.digest) > 9 * megabyte, "nine megabytes");
  await daemon.kill();
  await pulling;
  const before = registry.sentBytes(top.digest);
  assert.ok(before < top.blob.length, "the pull was not over");
  registry.isSlow = false;
  await daemon.start();
  assert.ok(ingestOf(daemon.dataRoot).length > 0, "the bytes are still there after a start");
  const { status, text } = await api.call("POST", `/images/create?fromImage=${registry.name}&tag=latest`);
  assert.equal(status, 200, text);
  assert.match(text, /Downloaded newer image/);
  const again = registry.requests.at(-1);
  assert.match(again?.range ?? "", /^bytes=\d+-$/);
  const fetched = registry.sentBytes(top.digest);
  assert.ok(fetched <= top.blob.length + lostBytesMax, `${fetched} bytes for a blob of ${top.blob.length}`);
  // The layer below was whole, as a layer or as bytes, when the daemon died.
  assert.equal(registry.sentBytes(base.digest), base.blob.length);
  // Nothing is left of the compressed bytes once they are layers.
  assert.deepEqual(ingestOf(daemon.dataRoot), []);
});

test("a connection that is always cut is taken up again while it brings something", async () => {
  await using here = openImages();
  await using registry = await new CountingRegistry({ image: small, cutAfterBytes: 5 * megabyte }).listen();
  await here.pull(registry.name);
  assert.equal(registry.requests.filter(({ digest }) => digest === top.digest).length, 5);
  assert.equal(here.images.get(registry.name).id, small.id);
});

test("a pull that failed because the registry went away goes on at the next one, from wherever that is", async () => {
  await using here = openImages();
  let received = 0;
  {
    await using registry = await new CountingRegistry({ image: small }).listen();
    registry.isSlow = true;
    const pulling = here.pull(registry.name);
    const failed = assert.rejects(pulling, { message: /connection refused/ });
    await until(() => registry.sentBytes(top.digest) > 6 * megabyte, "six megabytes");
    await registry[Symbol.asyncDispose]();
    await failed;
    received = registry.sentBytes(top.digest);
  }
  await using registry = await new CountingRegistry({ image: small }).listen();
  await here.pull(registry.name);
  const fetched = registry.sentBytes(top.digest);
  assert.ok(fetched <= top.blob.length - received + lostBytesMax, `${fetched} of ${top.blob.length} after ${received}`);
  // The layer below had been stored, or its bytes had all come.
  assert.equal(registry.sentBytes(base.digest), 0);
});

test("a server without ranges gives all of it, and only what is missing is taken", async () => {
  await using here = openImages();
  await using registry = await new CountingRegistry({ image: small, ranges: false }).listen();
  registry.isSlow = true;
  const abort = new AbortController();
  const pulling = here.images.pull(registry.name, { signal: abort.signal }, () => {});
  await until(() => registry.sentBytes(top.digest) > 6 * megabyte, "six megabytes");
  abort.abort(new Error("client left"));
  await assert.rejects(pulling, { message: "context canceled" });
  assert.ok(ingestOf(here.root).length > 0);
  registry.isSlow = false;
  await here.pull(registry.name);
  assert.match(registry.requests.at(-1)?.range ?? "", /^bytes=\d{7,}-$/);
  assert.equal(here.images.get(registry.name).id, small.id);
});

const large = imageOf({ layers: [layer("large", 70)] });
for (const ranges of [true, false])
  test(`a large layer ${ranges ? "comes in parts, some at a time" : "comes whole from a server without ranges"}`, async () => {
    await using here = openImages();
    await using registry = await new CountingRegistry({ image: large, ranges }).listen();
    registry.isSlow = ranges;
    await here.pull(registry.name);
    const blob = large.layers[0]!;
    const asked = registry.requests.filter(({ digest }) => digest === blob.digest);
    assert.equal(asked.length, ranges ? 5 : 1);
    assert.equal(registry.sentBytes(blob.digest), blob.blob.length);
    if (ranges) assert.ok(registry.openMax >= 3 && registry.openMax <= 4, `${registry.openMax} at a time`);
    assert.equal(here.images.get(registry.name).id, large.id);
  });

test("bytes that an earlier pull left and that are wrong are fetched once more", async () => {
  await using here = openImages();
  await using registry = await new CountingRegistry({ image: small }).listen();
  const partial = here.blobs.partials.open(top.digest, top.blob.length);
  await partial.write(0, [Buffer.alloc(4 * megabyte, "wrong")]);
  partial[Symbol.dispose]();
  await here.pull(registry.name);
  assert.equal(here.images.get(registry.name).id, small.id);
  assert.deepEqual(ingestOf(here.root), []);
});

test("a foreign layer comes from where its manifest says, without our credentials", async () => {
  await using elsewhere = await new CountingRegistry({ image: small }).listen();
  const manifest = JSON.parse(small.manifest.toString()) as { layers: { digest: string; urls?: string[] }[] };
  manifest.layers[1]!.urls = ["ftp://nowhere/x", `http://${elsewhere.host}/files/${top.digest}`];
  const bytes = Buffer.from(JSON.stringify(manifest));
  const image = { ...small, manifest: bytes, manifestDigest: digestOf(bytes) };
  await using registry = await new CountingRegistry({ image, lacks: [top.digest] }).listen();
  await using here = openImages();
  await here.pull(registry.name, { auth: { username: "me", password: "secret" } });
  assert.equal(here.images.get(registry.name).id, small.id);
  assert.deepEqual(
    elsewhere.requests.map(({ digest, authorization }) => ({ digest, authorization })),
    [{ digest: top.digest, authorization: undefined }],
  );
});

test("what nobody goes on with is removed: after a day, above a size, after another boot, or without its note", async () => {
  using directory = temporaryDirectory();
  const digests = ["a", "b", "c"].map((letter) => `sha256:${letter.repeat(64)}`);
  const fill = async (store: BlobStore): Promise<void> => {
    for (const digest of digests) {
      const partial = store.partials.open(digest, 10 * megabyte);
      await partial.write(0, [Buffer.alloc(2 * megabyte, "x")]);
      partial[Symbol.dispose]();
    }
  };
  const store = new BlobStore(directory.path);
  await fill(store);
  const ingest = join(directory.path, "ingest");
  assert.equal(readdirSync(ingest).length, 6);
  const old = Date.now() / 1000 - 25 * 3600;
  utimesSync(join(ingest, `sha256-${"a".repeat(64)}.state`), old, old);
  writeFileSync(join(ingest, "half-written"), "x");
  writeFileSync(join(ingest, `sha256-${"d".repeat(64)}`), "no note");
  const next = new BlobStore(directory.path);
  assert.deepEqual(
    next.partials
      .list()
      .map(({ digest }) => digest)
      .sort(),
    digests.slice(1),
  );
  assert.equal(readdirSync(ingest).length, 4);
  assert.ok(statSync(join(ingest, `sha256-${"b".repeat(64)}`)).size === 2 * megabyte);
  assert.ok(next.partials.prune({ totalBytesMax: 3 * megabyte }) >= 2 * megabyte);
  assert.equal(next.partials.list().length, 1);
  const note = join(ingest, readdirSync(ingest).find((name) => name.endsWith(".state")) ?? "");
  writeFileSync(note, Buffer.alloc(statSync(note).size, "another boot"));
  assert.deepEqual(new BlobStore(directory.path).partials.list(), []);
  assert.deepEqual(readdirSync(ingest), []);
});
