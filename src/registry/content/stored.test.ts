import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, mock, test } from "node:test";
import { collect } from "../gc/collect.ts";
import { CountedQuota } from "../quota/limits.ts";
import { blobKey } from "../storage/keys.ts";
import { FilesystemStorage } from "../storage/filesystem.ts";
import { Uploads } from "../upload/uploads.ts";
import { Blobs } from "./blobs.ts";
import { ChangeFeed } from "./changes.ts";
import { Links } from "./links.ts";
import { Manifests } from "./manifests.ts";
import { Pins } from "./pins.ts";
import { noQuota } from "./quota.ts";
import type { Quota } from "./quota.ts";
import { Uses } from "./uses.ts";

let root = "";
let storage: FilesystemStorage;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "berth-stored-"));
  storage = await FilesystemStorage.open(root);
});
afterEach(async () => {
  mock.restoreAll();
  await rm(root, { recursive: true, force: true });
});

const digestOf = (bytes: string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const fileOf = (digest: string): string => join(root, blobKey(digest));

const contentOf = async (quota: Quota = noQuota) => {
  const uploads = await Uploads.open(join(root, "uploads"));
  const [pins, changes, uses] = [new Pins(), new ChangeFeed(), new Uses(Date.now)];
  const options = { storage, links: new Links(storage), pins, uses, changes, quota };
  const [blobs, manifests] = [new Blobs(options), new Manifests(options, { blobs: true, manifests: true })];
  const collection = { ...options, blobs, manifests, uploads, now: () => Date.now() + 60_000, graceMs: 0 };
  return { blobs, manifests, collection: { ...collection, untagged: false, expireMs: undefined, uploadAgeMs: 1 } };
};

const commit = async (blobs: Blobs, repository: string, bytes: string): Promise<string> => {
  const path = join(root, `upload-${bytes}`);
  await writeFile(path, bytes);
  await blobs.commit(repository, digestOf(bytes), path);
  return digestOf(bytes);
};

/** A manifest without layers. */
const manifestOf = (config: string): Buffer => {
  const descriptor = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf(config), size: config.length };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, config: descriptor, layers: [] }));
};

/** Runs `work` when the first link is about to be written. */
const beforeFirstLink = (work: () => Promise<void>): void => {
  const write = storage.write.bind(storage);
  let begun = false;
  mock.method(storage, "write", async (key: string, bytes: Uint8Array) => {
    if (!begun && key.endsWith("/link")) {
      begun = true;
      await work();
    }
    return write(key, bytes);
  });
};

test("a collection that begins while a blob is linked leaves it", async () => {
  const { blobs, collection } = await contentOf();
  let running: Promise<unknown> | undefined;
  const listed = Promise.withResolvers<void>();
  const list = storage.list.bind(storage);
  // It looks for repositories now, and goes on once the push is over.
  const pushed = Promise.withResolvers<void>();
  mock.method(storage, "list", async function* (folder: string, after?: string) {
    yield* list(folder, after);
    if (!folder.endsWith("/repositories")) return;
    listed.resolve();
    await pushed.promise;
  });
  beforeFirstLink(async () => {
    running = collect(collection);
    await listed.promise;
  });
  const digest = await commit(blobs, "new/one", "layer");
  pushed.resolve();
  await running;
  assert.equal(await readFile(fileOf(digest), "utf8"), "layer");
});

test("a collection that begins while a manifest is linked leaves it", async () => {
  const { blobs, manifests, collection } = await contentOf();
  await commit(blobs, "one", "config");
  let asked = 0;
  const [listed, pushed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const list = storage.list.bind(storage);
  mock.method(storage, "list", async function* (folder: string, after?: string) {
    yield* list(folder, after);
    // First it only asks whether there are any.
    if (!folder.endsWith("/revisions") || ++asked === 1) return;
    listed.resolve();
    await pushed.promise;
  });
  let running: Promise<unknown> | undefined;
  beforeFirstLink(async () => {
    running = collect(collection);
    await listed.promise;
  });
  const bytes = manifestOf("config");
  const { digest } = await manifests.put("one", { bytes, contentType: "", digest: undefined, tags: ["t"] });
  pushed.resolve();
  await running;
  assert.deepEqual(await readFile(fileOf(digest)), bytes);
  assert.equal(await readFile(fileOf(digestOf("config")), "utf8"), "config");
});

test("a collection leaves what another registry has just put into a shared storage", async () => {
  const { collection } = await contentOf();
  const digest = digestOf("theirs");
  await storage.write(blobKey(digest), Buffer.from("theirs"));
  Object.defineProperty(storage, "exclusive", { value: false });
  const hour = { ...collection, now: Date.now, graceMs: 3_600_000 };
  assert.equal((await collect(hour)).blobs, 0);
  assert.equal((await collect(collection)).blobs, 1);
});

test("what was spoiled on the disk is whole again after the next push", async () => {
  const { blobs, manifests } = await contentOf();
  const digest = await commit(blobs, "one", "config");
  const bytes = manifestOf("config");
  const content = { bytes, contentType: "", digest: undefined, tags: [] };
  const manifest = await manifests.put("one", content);
  for (const each of [digest, manifest.digest]) await truncate(fileOf(each), 0);
  await commit(blobs, "two", "config");
  await manifests.put("one", content);
  assert.equal(await readFile(fileOf(digest), "utf8"), "config");
  assert.deepEqual(await readFile(fileOf(manifest.digest)), bytes);
});

test("a blob is on the disk before it has its name", async () => {
  const { blobs } = await contentOf();
  await using handle = await open(root);
  const prototype = Object.getPrototypeOf(handle) as typeof handle;
  const named: boolean[] = [];
  const digest = digestOf("layer");
  mock.method(prototype, "datasync", async () => {
    named.push((await storage.stat(blobKey(digest))) !== null);
  });
  await commit(blobs, "one", "layer");
  assert.deepEqual(named, [false]);
});

test("a manifest that is pushed while it is removed is there with its tags, or is not", async () => {
  const { blobs, manifests } = await contentOf();
  await commit(blobs, "one", "config");
  const tags = Array.from({ length: 20 }, (_, index) => `t${index}`);
  const content = { bytes: manifestOf("config"), contentType: "", digest: undefined, tags };
  const { digest } = await manifests.put("one", content);
  for (let round = 0; round < 10; round++) {
    await Promise.all([manifests.put("one", content), manifests.remove("one", digest)]);
    const there = await manifests.has("one", digest);
    for (const tag of tags) assert.equal((await manifests.resolve("one", tag)) === digest, there, tag);
  }
});

test("uploads that everybody has left make room for others", async () => {
  const uploads = await Uploads.open(join(root, "few"), { sessions: 2, idleMs: 0 });
  const [first, second] = [await uploads.create("a", "sha256"), await uploads.create("a", "sha256")];
  await second.alone(async () => {
    const third = await uploads.create("b", "sha256");
    await assert.rejects(uploads.find("a", first.id), { code: "BLOB_UPLOAD_UNKNOWN" });
    assert.equal(await uploads.find("a", second.id), second);
    assert.equal(await uploads.find("b", third.id), third);
    await assert.rejects(uploads.create("c", "sha256"), { code: "TOOMANYREQUESTS" });
  });
});

test("a quota counts what is on its way", async () => {
  const quota = await CountedQuota.open(storage, { registryBytes: 150, repositoryBytes: 100 });
  const first = quota.admit("one", "sha256:a", 60);
  assert.throws(() => quota.admit("one", "sha256:b", 60), /quota of repository one/);
  {
    using _second = quota.admit("two", "sha256:c", 60);
    assert.throws(() => quota.admit("three", "sha256:d", 60), /quota of registry/);
  }
  quota.linked("one", "sha256:a", 60);
  // Linked and still held: counted once.
  quota.admit("one", "sha256:e", 40)[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.throws(() => quota.admit("one", "sha256:e", 41), /quota of repository one/);
});
