import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { withRepository } from "../../../src/oci/distribution/connect.ts";
import { TransportError } from "../../../src/oci/distribution/registry-error.ts";
import type { Repository } from "../../../src/oci/distribution/repository.ts";
import { uploadBlob, uploadBytes } from "../../../src/oci/distribution/upload.ts";
import type { UploadOptions } from "../../../src/oci/distribution/upload.ts";
import type { BlobSource } from "../../../src/oci/distribution/upload-send.ts";
import { openImages } from "../../support/engine-images.ts";
import { digestOf, dockerArchive, imageOf, layerOf } from "../../support/image.ts";
import { UploadRegistry } from "../../support/upload-registry.ts";

const bytes = Buffer.alloc(5_000_000);
for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) % 4_294_967_296, at);
const digest = digestOf(bytes);

const visit = <T>(host: string, work: (repository: Repository) => Promise<T>, signal?: AbortSignal): Promise<T> =>
  withRepository(
    { domain: host, path: "a/b" },
    "pull,push",
    {
      settings: { insecureRegistries: [], mirrors: [], certificatesDirectory: "/nonexistent" },
      userAgent: "test",
      retry: { attempts: 3, firstDelayMs: 1, maxDelayMs: 2 },
      signal,
    },
    work,
  );

/** The bytes in pieces, and from where on they were opened. */
const sourceOf = (opened: number[] = [], size = true): BlobSource => ({
  ...(size ? { sizeBytes: bytes.length } : {}),
  async *open(offset) {
    opened.push(offset);
    for (let at = offset; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  },
});

const upload = async (registry: UploadRegistry, options: UploadOptions = {}, source = sourceOf()): Promise<void> => {
  const done = await visit(registry.host, (repository) => uploadBlob(repository, source, options));
  assert.deepEqual(done, { digest, size: bytes.length });
  assert.deepEqual(registry.blobs.get(digest), bytes);
  assert.equal(registry.open, 0);
};

const patches = (registry: UploadRegistry) => registry.requests.filter(({ method }) => method === "PATCH");

test("a blob is sent in one request, of known or unknown length", async () => {
  for (const size of [true, false]) {
    await using registry = await new UploadRegistry().listen();
    await upload(registry, { digest }, sourceOf([], size));
    assert.deepEqual(
      registry.requests.map(({ method }) => method),
      ["GET", "POST", "PATCH", "PUT"],
    );
    assert.equal(patches(registry)[0]?.headers["content-length"], size ? String(bytes.length) : undefined);
    assert.equal(registry.connections, 2, "one for HTTPS, which is not spoken here, and one for all else");
  }
});

test("an upload that breaks goes on from what the registry has", async () => {
  await using registry = await new UploadRegistry({ cut: (patch) => [1_500_000, 2_000_000][patch] }).listen();
  const opened: number[] = [];
  await upload(registry, {}, sourceOf(opened));
  assert.deepEqual(opened, [0, 1_500_000, 3_500_000]);
  assert.equal(
    patches(registry).reduce((sum, request) => sum + request.bytes, 0),
    bytes.length,
    "no byte was sent twice",
  );
});

test("an upload that breaks at a registry that cannot say what it has begins anew", async () => {
  await using registry = await new UploadRegistry({
    forgetful: true,
    cut: (patch) => (patch === 0 ? 1_500_000 : undefined),
  }).listen();
  const opened: number[] = [];
  await upload(registry, {}, sourceOf(opened));
  assert.deepEqual(opened, [0, 0]);
});

test("an upload that breaks again and again is given up, and cancelled", async () => {
  await using registry = await new UploadRegistry({ cut: () => 1000 }).listen();
  await assert.rejects(
    visit(registry.host, (repository) => uploadBlob(repository, sourceOf())),
    { name: "TransportError" },
  );
  assert.equal(patches(registry).length, 3);
  assert.equal(registry.open, 0);
});

test("chunks: of the size that is asked for, or that the registry wants at least", async () => {
  for (const [options, least, count] of [
    [{ chunkBytes: 1_000_000 }, undefined, 5],
    [{ chunkBytes: 1_000 }, 2_000_000, 3],
    [{}, 4_999_999, 2],
  ] as const) {
    await using registry = await new UploadRegistry(least === undefined ? {} : { chunkMinBytes: least }).listen();
    await upload(registry, options);
    const ranges = patches(registry).map(({ headers }) => headers["content-range"]);
    assert.equal(ranges.length, count);
    assert.equal(ranges[0], `0-${Math.max(options.chunkBytes ?? 0, least ?? 0) - 1}`.replace("0--1", "0-4999998"));
  }
});

test("a chunk that was lost is found by its range, and sent again", async () => {
  await using registry = await new UploadRegistry({
    cut: (patch) => (patch === 1 ? 300_000 : undefined),
  }).listen();
  await upload(registry, { chunkBytes: 1_000_000 });
  assert.ok(patches(registry).some(({ headers }) => headers["content-range"] === "1300000-2299999"));
});

test("416: the registry has more or less than we thought", async () => {
  let refused = false;
  await using registry = await new UploadRegistry({
    answer: (request, response, patch) => {
      if (patch !== 2 || refused) return false;
      refused = true;
      request.resume();
      response.writeHead(416).end();
      return true;
    },
  }).listen();
  await upload(registry, { chunkBytes: 1_000_000 });
  assert.ok(refused);
});

test("413: what is too large in one request goes in chunks", async () => {
  const large = Buffer.alloc(20_000_000, 7);
  const source: BlobSource = {
    async *open(offset) {
      for (let at = offset; at < large.length; at += 1 << 20) yield large.subarray(at, at + (1 << 20));
    },
  };
  await using registry = await new UploadRegistry({ maxBodyBytes: 17_000_000 }).listen();
  await visit(registry.host, (repository) => uploadBlob(repository, source));
  assert.deepEqual(registry.blobs.get(digestOf(large)), large);
});

test("bytes of another digest than they should have are never finished", async () => {
  await using registry = await new UploadRegistry().listen();
  const wrong = digestOf(Buffer.from("other"));
  await assert.rejects(
    visit(registry.host, (repository) => uploadBlob(repository, sourceOf(), { digest: wrong })),
    { name: "DigestMismatch", actual: digest },
  );
  assert.ok(!registry.requests.some(({ method }) => method === "PUT"));
  assert.equal(registry.open, 0);
});

test("few bytes go with the first request where the registry takes them, else with the second", async () => {
  const few = Buffer.from("{}");
  for (const monolithic of [true, false]) {
    await using registry = await new UploadRegistry({ monolithic }).listen();
    await visit(registry.host, (repository) => uploadBytes(repository, digestOf(few), few));
    assert.deepEqual(registry.blobs.get(digestOf(few)), few);
    assert.deepEqual(
      registry.requests.map(({ method }) => method),
      monolithic ? ["GET", "POST"] : ["GET", "POST", "PUT"],
    );
  }
});

test("when the client leaves, the registry sees the connection end at once", async () => {
  const abort = new AbortController();
  await using registry = await new UploadRegistry().listen();
  const endless: BlobSource = {
    async *open() {
      for (;;) {
        yield Buffer.alloc(1000);
        await sleep(5);
      }
    },
  };
  const sending = visit(
    registry.host,
    (repository) => uploadBlob(repository, endless, { signal: abort.signal }),
    abort.signal,
  );
  while (patches(registry)[0] === undefined || (patches(registry)[0]?.bytes ?? 0) === 0) await sleep(5);
  const left = performance.now();
  abort.abort(new Error("client left"));
  await assert.rejects(sending, { message: "client left" });
  while ((await registry.openConnections) > 0) await sleep(5);
  assert.ok(performance.now() - left < 1000);
});

/** A registry whose tokens are taken for so many requests only, each named by its number. */
const shortTokens = (uses: number): { registry: UploadRegistry; issued: () => number } => {
  let issued = 0;
  let left = 0;
  const registry = new UploadRegistry({
    answer: (request, response) => {
      if (request.url?.startsWith("/token") === true) {
        issued++;
        left = uses;
        response.end(JSON.stringify({ token: `t${issued}`, expires_in: 3600 }));
        return true;
      }
      if (request.headers.authorization === `Bearer t${issued}` && left-- > 0) return false;
      const realm = `http://${registry.host}/token`;
      // As real ones do: the answer comes before the body was read.
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"`, connection: "close" }).end();
      return true;
    },
  });
  return { registry, issued: () => issued };
};

test("a token that runs out while a layer is sent is renewed, and the upload goes on", async () => {
  for (const options of [{}, { chunkBytes: 1_000_000 }]) {
    const { registry, issued } = shortTokens(2);
    await using _closed = await registry.listen();
    await upload(registry, options);
    assert.ok(issued() > 1);
  }
});

test("a token that is never taken is an error after one renewal", async () => {
  const { registry, issued } = shortTokens(0);
  await using _closed = await registry.listen();
  await assert.rejects(
    visit(registry.host, (repository) => uploadBlob(repository, sourceOf())),
    { name: "RegistryError", code: "UNAUTHORIZED" },
  );
  assert.ok(issued() <= 2);
});

test("a registry that is busy is given the time that it asks for", async () => {
  let refused = 0;
  await using registry = await new UploadRegistry({
    answer: (request, response, patch) => {
      if (patch !== 0) return false;
      refused++;
      request.resume();
      response.writeHead(429, { "retry-after": "1" }).end();
      return true;
    },
  }).listen();
  const told: number[] = [];
  const started = performance.now();
  await upload(registry, { onRetry: (delayMs) => told.push(delayMs) });
  assert.ok(performance.now() - started > 990);
  assert.deepEqual([refused, told], [1, [1000]]);
});

test("a source that breaks is asked again from there; one that is gone for good is not", async () => {
  let broken = 0;
  const opened: number[] = [];
  const source: BlobSource = {
    async *open(offset) {
      opened.push(offset);
      for (let at = offset; at < bytes.length; at += 65_536) {
        if (at > 2_000_000 && broken++ === 0)
          throw new TransportError("GET", "http://source/", "EOF", { temporary: true });
        yield bytes.subarray(at, at + 65_536);
      }
    },
  };
  await using registry = await new UploadRegistry().listen();
  await upload(registry, {}, source);
  assert.equal(opened.length, 2);
  const gone: BlobSource = {
    async *open() {
      yield Buffer.from("x");
      throw new Error("the disk is on fire");
    },
  };
  await assert.rejects(
    visit(registry.host, (repository) => uploadBlob(repository, gone)),
    { name: "SourceError", message: "the disk is on fire" },
  );
  assert.equal(registry.open, 0);
});

test("a push whose client leaves ends within a second: at the registry, and with all that it had started here", async () => {
  const seen = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<number>();
  await using registry = await new UploadRegistry({
    answer: (request, _, patch) => {
      if (patch < 0) return false;
      // Read slowly: the connection fills up, and all that is behind it waits.
      request.on("data", () => {
        request.pause();
        setTimeout(() => request.resume(), 2);
      });
      request.on("error", () => undefined);
      request.socket.once("close", () => ended.resolve(performance.now()));
      seen.resolve();
      return true;
    },
  }).listen();
  await using here = openImages();
  const noise = Buffer.alloc(48_000_000);
  randomFillSync(noise);
  const layers = [0, 1].map((at) => layerOf([{ name: `noise-${at}`, content: noise.subarray(at) }]));
  const archive = dockerArchive([{ image: imageOf({ layers }), tags: [`${registry.host}/a/b:1`] }]);
  await here.images.load(Readable.from([archive]), {}, () => undefined);
  const children = (): string[] =>
    readdirSync("/proc/self/task").flatMap((task) =>
      readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean),
    );
  const before = children().length;
  const abort = new AbortController();
  const pushing = here.images.push(`${registry.host}/a/b:1`, { signal: abort.signal }, () => undefined);
  await seen.promise;
  for (let i = 0; i < 1000 && children().length === before; i++) await sleep(5);
  assert.ok(children().length > before, "a compressor waits");
  const left = performance.now();
  abort.abort(new Error("client left"));
  await assert.rejects(pushing, { message: "context canceled" });
  assert.ok((await ended.promise) - left < 1000);
  assert.equal(children().length, before, "no compressor runs on");
  // A worker that was rebuilding a layer is free again.
  const tops = here.layers.all();
  for await (const _ of here.layers.tar(tops[0]?.chainId ?? "") as AsyncIterable<Buffer>);
});
