import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { FilesystemStorage } from "../../../src/registry/storage/filesystem.ts";
import { S3Storage } from "../../../src/registry/storage/s3.ts";
import type { S3Config } from "../../../src/registry/config/config.ts";
import { digestOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";
import { S3Server } from "../../support/s3-server.ts";
import { storageContract } from "../../support/storage-contract.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import {
  emptyConfig,
  expectFault,
  expectStatus,
  jsonOf,
  manifestOf,
  ociManifest,
  pushBlob,
  pushManifest,
} from "../../support/distribution.ts";

storageContract("filesystem", async () => {
  const directory = temporaryDirectory();
  const storage = await FilesystemStorage.open(directory.path);
  return { storage, [Symbol.asyncDispose]: async () => directory[Symbol.dispose]() };
});

const s3Config = (endpoint: string): S3Config => ({
  bucket: "bucket",
  region: "us-east-1",
  endpoint,
  accessKey: "key",
  secretKey: "secret",
  forcePathStyle: true,
  rootDirectory: "some/folder",
  chunkBytes: 5 * 1024 * 1024,
});

storageContract("s3", async () => {
  const server = new S3Server();
  // Small pages, so that lists have several.
  server.pageKeys = 3;
  const storage = S3Storage.open(s3Config(await server.listen()));
  return {
    storage,
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]();
      assert.equal(server.uploads.size, 0);
      for (const key of server.objects.keys()) assert.match(key, /^bucket\/some\/folder\//);
      await server[Symbol.asyncDispose]();
    },
  };
});

test("filesystem: what a crash left half written is gone at the next start", async () => {
  using directory = temporaryDirectory();
  mkdirSync(join(directory.path, ".incoming"));
  writeFileSync(join(directory.path, ".incoming/half"), "x");
  await FilesystemStorage.open(directory.path);
  assert.deepEqual(readdirSync(join(directory.path, ".incoming")), []);
});

test("a registry on S3 takes pushes, gives parts, lists, deletes and collects", async () => {
  await using server = new S3Server();
  const regionendpoint = await server.listen();
  using directory = temporaryDirectory();
  const s3 = {
    bucket: "images",
    regionendpoint,
    accesskey: "key",
    secretkey: "secret",
    localdirectory: directory.path,
  };
  const storage = { s3, filesystem: null, delete: { enabled: true } };
  const config = { storage, gc: { grace: "0s", interval: "0" } };
  await using registry = await startRegistry({ config });
  const layer = randomBytes(25_000_000);
  // The bucket answers that it is busy now and then; the SDK tries again.
  server.failing = 2;
  const digest = await pushManifest(registry, "s3/app", "v1", { layers: [layer, emptyConfig] });
  const manifest = expectStatus(await registry.send("GET", "/v2/s3/app/manifests/v1", { accept: ociManifest }), 200);
  assert.deepEqual(manifest.body, manifestOf({ layers: [layer, emptyConfig] }));
  const path = `/v2/s3/app/blobs/${digestOf(layer)}`;
  assert.ok((await registry.send("GET", path)).body.equals(layer));
  const part = expectStatus(await registry.send("GET", path, { range: "bytes=20000000-20000999" }), 206);
  assert.deepEqual(part.body, layer.subarray(20_000_000, 20_001_000));
  assert.deepEqual(jsonOf(await registry.send("GET", "/v2/_catalog")), { repositories: ["s3/app"] });
  assert.deepEqual(jsonOf(await registry.send("GET", "/v2/s3/app/tags/list")), { name: "s3/app", tags: ["v1"] });
  await pushBlob(registry, "s3/other", layer);
  assert.equal([...server.objects.keys()].filter((key) => key.endsWith("/data")).length, 3);
  expectStatus(await registry.send("DELETE", `/v2/s3/app/manifests/${digest}`), 202);
  expectFault(await registry.send("GET", "/v2/s3/app/manifests/v1"), 404, "MANIFEST_UNKNOWN");
  await promisify(execFile)(join(import.meta.dirname, "../../../bin/berth-registry"), [
    "gc",
    join(registry.root, "config.yml"),
  ]);
  assert.deepEqual([...server.objects.keys()], []);
  assert.deepEqual(readdirSync(join(directory.path, "uploads")), []);
});

test("docker-registry serves what Berth has stored, and Berth what docker-registry has", async () => {
  const layer = randomBytes(100_000);
  const options = { layers: [layer] };
  for (const [writer, reader] of [
    ["berth", "docker"],
    ["docker", "berth"],
  ] as const) {
    await using first = await startRegistry({ server: writer });
    const digest = await pushManifest(first, "both/app", "v1", options);
    await pushManifest(first, "both/app", "v2", { ...options, annotations: { two: "2" } });
    await first.kill("SIGTERM");
    await using second = await startRegistry({ server: reader, root: first.root, keepRoot: true });
    const manifest = expectStatus(await second.send("GET", "/v2/both/app/manifests/v1", { accept: ociManifest }), 200);
    assert.equal(digestOf(manifest.body), digest);
    assert.equal(manifest.headers["content-type"], ociManifest);
    const blob = expectStatus(await second.send("GET", `/v2/both/app/blobs/${digestOf(layer)}`), 200);
    assert.ok(blob.body.equals(layer));
    assert.deepEqual(jsonOf<{ tags: string[] }>(await second.send("GET", "/v2/both/app/tags/list")).tags.toSorted(), [
      "v1",
      "v2",
    ]);
    assert.deepEqual(jsonOf(await second.send("GET", "/v2/_catalog")), { repositories: ["both/app"] });
    await pushManifest(second, "both/app", "v3", { ...options, annotations: { three: "3" } });
    expectStatus(await second.send("DELETE", `/v2/both/app/manifests/${digest}`), 202);
    expectFault(
      await second.send("GET", "/v2/both/app/manifests/v1", { accept: ociManifest }),
      404,
      "MANIFEST_UNKNOWN",
    );
  }
});
