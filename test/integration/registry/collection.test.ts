import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { digestOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import {
  beginUpload,
  emptyConfig,
  expectStatus,
  indexOf,
  manifestOf,
  ociIndex,
  ociManifest,
  octets,
  pushBlob,
  pushManifest,
  putManifest,
} from "../../support/distribution.ts";

const program = join(import.meta.dirname, "../../../bin/berth-registry");

/** Runs `berth-registry gc` on a registry's folder, running or not. @returns what it says */
const collect = async (registry: TestRegistry, ...flags: string[]): Promise<string> => {
  const config = join(registry.root, "config.yml");
  const { stdout } = await promisify(execFile)(program, ["gc", ...flags, config]);
  return stdout.trim();
};

const blobFile = (registry: TestRegistry, digest: string): string => {
  const hex = digest.slice(7);
  return join(registry.root, `data/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`);
};

const noGrace = { gc: { grace: "0s", interval: "0" } };

test("a collection removes what no manifest needs, and nothing else", async () => {
  await using registry = await startRegistry({ config: noGrace });
  const [kept, shared, gone, loose] = [1, 2, 3, 4].map(() => randomBytes(10_000)) as [Buffer, Buffer, Buffer, Buffer];
  await pushManifest(registry, "gc/a", "t", { layers: [kept, shared] });
  const removed = await pushManifest(registry, "gc/b", "t", { layers: [gone, shared] });
  await pushBlob(registry, "gc/b", loose);
  await pushManifest(registry, "gc/c", "only", { layers: [gone] });
  await registry.send("DELETE", "/v2/gc/c/manifests/only");
  expectStatus(await registry.send("DELETE", `/v2/gc/b/manifests/${removed}`), 202);
  // gc/c still has its manifest, without a tag: its layer stays.
  assert.match(await collect(registry), /^removed 2 blobs/);
  assert.ok(existsSync(blobFile(registry, digestOf(gone))));
  assert.ok(!existsSync(blobFile(registry, digestOf(loose))));
  for (const [repository, bytes, status] of [
    ["gc/a", kept, 200],
    ["gc/a", shared, 200],
    ["gc/b", shared, 404],
    ["gc/b", loose, 404],
    ["gc/c", gone, 200],
  ] as const) {
    const answer = await registry.send("GET", `/v2/${repository}/blobs/${digestOf(bytes)}`);
    assert.equal(answer.status, status, repository);
  }
  assert.deepEqual(JSON.parse((await registry.send("GET", "/v2/_catalog")).body.toString()), {
    repositories: ["gc/a", "gc/c"],
  });
  assert.match(await collect(registry), /^removed 0 blobs of 0 bytes, 0 links, 0 manifests/);
});

test("without tags: indexes keep their manifests, subjects their referrers", async () => {
  await using registry = await startRegistry({ config: { gc: { ...noGrace.gc, untagged: true } } });
  await pushBlob(registry, "gc/u", emptyConfig);
  const child = manifestOf({ annotations: { n: "child" } });
  const lost = manifestOf({ annotations: { n: "lost" } });
  for (const manifest of [child, lost]) await putManifest(registry, "gc/u", digestOf(manifest), manifest);
  const index = indexOf([child]);
  expectStatus(await putManifest(registry, "gc/u", "index", index, ociIndex), 201);
  const subject = { digest: digestOf(child), size: child.length, mediaType: ociManifest };
  const signature = manifestOf({ subject, artifactType: "application/signature" });
  expectStatus(await putManifest(registry, "gc/u", digestOf(signature), signature), 201);
  assert.match(await collect(registry), /1 manifests/);
  for (const [manifest, status] of [
    [child, 200],
    [index, 200],
    [signature, 200],
    [lost, 404],
  ] as const) {
    const answer = await registry.send("GET", `/v2/gc/u/manifests/${digestOf(manifest)}`);
    assert.equal(answer.status, status, manifest.toString());
  }
  await registry.send("DELETE", "/v2/gc/u/manifests/index");
  assert.match(await collect(registry), /3 manifests/);
  assert.deepEqual(JSON.parse((await registry.send("GET", "/v2/_catalog")).body.toString()), { repositories: [] });
  assert.ok(!existsSync(join(registry.root, "data/docker")));
});

test("what was just pushed or asked about stays for the grace", async () => {
  await using registry = await startRegistry({ config: { gc: { grace: "1h", interval: "0" } } });
  const digest = await pushBlob(registry, "gc/fresh", randomBytes(1000));
  assert.match(await collect(registry), /^removed 0 blobs/);
  expectStatus(await registry.send("HEAD", `/v2/gc/fresh/blobs/${digest}`), 200);
  // Without a server the age of the files alone counts.
  await registry.kill("SIGTERM");
  assert.match(await collect(registry), /^removed 0 blobs/);
  assert.match(await collect(registry, "--gc-grace", "0s"), /^removed 1 blobs of 1000 bytes, 1 links/);
  assert.ok(!existsSync(blobFile(registry, digest)));
});

test("old uploads go", async () => {
  const purging = { storage: { maintenance: { uploadpurging: { enabled: true, age: "0s" } } } };
  await using registry = await startRegistry({ config: { ...noGrace, ...purging } });
  const location = await beginUpload(registry, "gc/upload");
  await registry.send("PATCH", location, octets, randomBytes(1000));
  assert.match(await collect(registry), /1 uploads$/);
  expectStatus(await registry.send("GET", location), 404);
  assert.deepEqual(readdirSync(join(registry.root, "data/uploads")), []);
});

test("pushes during collections lose nothing, though nothing is spared by its age", async () => {
  await using registry = await startRegistry({ config: noGrace });
  let running = true;
  const collections = (async () => {
    let count = 0;
    for (; running; count++) await collect(registry);
    return count;
  })();
  const shared = randomBytes(20_000);
  const pushed: { repository: string; digest: string; layers: Buffer[] }[] = [];
  let refused = 0;
  /** A push whose blob is collected before its manifest comes is told so and begins again; it is never left broken. */
  const push = async (repository: string, tag: string, layers: Buffer[]): Promise<string> => {
    for (;;) {
      for (const layer of [...layers, emptyConfig]) await pushBlob(registry, repository, layer);
      const manifest = manifestOf({ layers });
      const answer = await putManifest(registry, repository, tag, manifest);
      if (answer.status === 201) return digestOf(manifest);
      assert.match(answer.body.toString(), /MANIFEST_BLOB_UNKNOWN/);
      refused++;
    }
  };
  const work = async (worker: number): Promise<void> => {
    for (let n = 0; n < 30; n++) {
      const repository = `gc/push${worker}`;
      const layers = [shared, randomBytes(5_000)];
      const digest = await push(repository, `n${n}`, layers);
      if (n % 3 === 0) expectStatus(await registry.send("DELETE", `/v2/${repository}/manifests/${digest}`), 202);
      else pushed.push({ repository, digest, layers });
    }
  };
  await Promise.all([0, 1, 2, 3].map(work));
  running = false;
  const count = await collections;
  assert.ok(count >= 2, `${count} collections, ${refused} refused`);
  await collect(registry);
  assert.equal(pushed.length, 80);
  for (const { repository, digest, layers } of pushed) {
    expectStatus(await registry.send("GET", `/v2/${repository}/manifests/${digest}`), 200);
    for (const layer of [...layers, emptyConfig]) {
      const answer = expectStatus(await registry.send("GET", `/v2/${repository}/blobs/${digestOf(layer)}`), 200);
      assert.ok(answer.body.equals(layer));
    }
  }
});
