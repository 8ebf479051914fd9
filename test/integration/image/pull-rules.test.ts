// Which document a pull takes for what: indexes in indexes, variants, digests, and documents that could be two things.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { digestOf, imageOf, layerOf } from "../../support/image.ts";
import type { TestImage } from "../../support/image.ts";
import { imageFor, indexOf, putIndex } from "../../support/index-image.ts";
import type { TestIndex } from "../../support/index-image.ts";
import { LyingRegistry } from "../../support/lying-registry.ts";
import type { Spoil } from "../../support/lying-registry.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
});
after(() => registry?.[Symbol.asyncDispose]());

const arm = (variant: string) => ({ os: "linux", architecture: "arm", variant });
const arm64 = { os: "linux", architecture: "arm64" };
const imageNamed = (name: string, platform: { os: string; architecture: string }): TestImage =>
  imageFor(platform, { layers: [layerOf([{ name, content: name }])] });

const assertEmpty = (here: TestImages): void => {
  assert.deepEqual(here.images.list({ all: true }), []);
  assert.deepEqual([here.blobs.list(), here.layers.all(), here.events], [[], [], []]);
  assert.equal([...here.database.table("manifests").keys()].length, 0);
};

test("variants: the newest that runs, an older one before none, never a newer one", async () => {
  const [v5, v6, v8] = [imageNamed("v5", arm("v5")), imageNamed("v6", arm("v6")), imageNamed("v8", arm("v8"))];
  const index = indexOf([
    { image: v5, platform: arm("v5") },
    { image: v8, platform: arm("v8") },
    { image: v6, platform: arm("v6") },
  ]);
  await putIndex(registry, index, "rules/variants", "1");
  const name = `${registry.host}/rules/variants:1`;
  const cases: [{ os: string; architecture: string; variant?: string }, TestImage][] = [
    [arm("v7"), v6],
    [arm("v6"), v6],
    [arm("v5"), v5],
    [arm("v8"), v8],
    [arm64, v8],
  ];
  for (const [platform, image] of cases) {
    await using here = openImages();
    await here.pull(name, { platform });
    assert.equal(here.images.get(name).id, image.id, JSON.stringify(platform));
  }
  await using here = openImages();
  await assert.rejects(here.pull(name), /no matching manifest for linux\/\S+ in the manifest list entries/);
  assertEmpty(here);
});

const putNested = async (inner: TestIndex, depth: number, tag: string): Promise<string> => {
  let index = inner.index;
  await putIndex(registry, inner, "rules/nested", tag);
  const type = inner.type;
  for (let level = 0; level < depth; level++) {
    const entry = { mediaType: type, digest: digestOf(index), size: index.length };
    const platforms = inner.entries.map(({ platform }) => ({ ...entry, platform }));
    index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: platforms, level }));
    const path = `/v2/rules/nested/manifests/${level === depth - 1 ? tag : digestOf(index)}`;
    assert.equal((await registry.send("PUT", path, { "content-type": type }, index)).status, 201);
  }
  return digestOf(index);
};

test("an index in an index is followed, a bounded number of times; all platforms come from there too", async () => {
  const own = imageOf({ layers: [layerOf([{ name: "own", content: "o" }])], oci: true });
  const host = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };
  const other = imageNamed("other", { os: "linux", architecture: "s390x" });
  const inner = indexOf([
    { image: own, platform: host },
    { image: other, platform: { os: "linux", architecture: "s390x" } },
  ]);
  const digest = await putNested(inner, 1, "two");
  await using here = openImages();
  const name = `${registry.host}/rules/nested`;
  await here.pull(`${name}:two`, { allPlatforms: true });
  assert.equal(here.images.get(`${name}:two`).id, own.id);
  assert.equal(here.images.get(`${name}@${digest}`, { os: "linux", architecture: "s390x" }).id, other.id);
  assert.equal(here.images.inspect(`${name}:two`, { manifests: true }).Manifests?.length, 2);
  await here.images.remove(`${name}:two`, { force: false, prune: true });
  assert.deepEqual([here.blobs.list(), here.layers.all()], [[], []]);
  await putNested(inner, 5, "six");
  for (const allPlatforms of [true, false]) {
    await using deep = openImages();
    await assert.rejects(deep.pull(`${name}:six`, { allPlatforms }), /indexes are nested too deep/);
    assertEmpty(deep);
  }
});

test("indexes that name each other thousands of times cost what one of each costs", async () => {
  const leaf = imageOf({ layers: [layerOf([{ name: "leaf", content: "l" }])], oci: true });
  const host = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };
  const inner = indexOf([{ image: leaf, platform: host }]);
  await putIndex(registry, inner, "rules/bomb", "inner");
  let bytes = inner.index;
  for (const tag of ["1", "2", "3"]) {
    const entry = { mediaType: inner.type, digest: digestOf(bytes), size: bytes.length, platform: host };
    const manifests = new Array(4000).fill(entry);
    bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: inner.type, manifests }));
    const path = `/v2/rules/bomb/manifests/${tag}`;
    assert.equal((await registry.send("PUT", path, { "content-type": inner.type }, bytes)).status, 201);
  }
  await using here = openImages();
  const name = `${registry.host}/rules/bomb:3`;
  await here.pull(name, { allPlatforms: true });
  assert.equal(here.images.list({ manifests: true })[0]?.Manifests?.length, 1);
  assert.equal(here.images.get(name).id, leaf.id);
  here.images.tag(name, `${registry.host}/rules/bomb-copy`, "1");
  await here.images.push(`${registry.host}/rules/bomb-copy:1`, {}, () => undefined);
  const [copied, first] = await Promise.all(
    ["bomb-copy/manifests/1", "bomb/manifests/3"].map((path) =>
      registry.send("GET", `/v2/rules/${path}`, { accept: inner.type }),
    ),
  );
  assert.ok(copied !== undefined && first !== undefined && copied.body.equals(first.body));
  await here.images.remove(name, { force: false, prune: true });
  await here.images.remove(`${registry.host}/rules/bomb-copy:1`, { force: false, prune: true });
  assert.deepEqual(here.blobs.list(), []);
});

test("a configuration that was lost comes again with the next pull", async () => {
  const image = imageNamed("lost", arm64);
  await registry.put(image, "rules/lost", "1");
  await using here = openImages();
  const name = `${registry.host}/rules/lost:1`;
  await here.pull(name);
  await here.blobs.remove(image.id);
  await here.pull(name);
  assert.deepEqual(await here.blobs.read(image.id), image.config);
});

test("a name with tag and digest is the digest; the tag is not set", async () => {
  const [one, two] = [imageNamed("one", arm64), imageNamed("two", arm64)];
  await registry.put(one, "rules/both", "1");
  await registry.put(two, "rules/both", "2");
  await using here = openImages();
  const name = `${registry.host}/rules/both`;
  await here.pull(`${name}:2@${one.manifestDigest}`);
  assert.deepEqual(here.images.get(`${name}:2@${one.manifestDigest}`).repoDigests, [`${name}@${one.manifestDigest}`]);
  assert.equal(here.images.get(`${name}:other@${one.manifestDigest}`).id, one.id);
  assert.equal(here.images.find(`${name}:2`), undefined);
  await assert.rejects(here.pull(`${name}@sha256:${"0".repeat(64)}`), { kind: "not-found" });
});

test("of an index pulled by the digest of one manifest only that is named", async () => {
  const [one, two] = [imageNamed("o", arm64), imageNamed("t", arm("v7"))];
  const index = indexOf([
    { image: one, platform: arm64 },
    { image: two, platform: arm("v7") },
  ]);
  await putIndex(registry, index, "rules/single", "1");
  await using here = openImages();
  const name = `${registry.host}/rules/single@${two.manifestDigest}`;
  await here.pull(name, { allPlatforms: true });
  assert.deepEqual(here.blobs.list().sort(), [two.manifestDigest, two.id].sort());
  assert.equal(here.images.inspect(name).Descriptor?.digest, two.manifestDigest);
});

test("all tags, of all platforms; one that cannot be had ends it, those before it stay", async () => {
  const [one, two] = [imageNamed("a1", arm64), imageNamed("a2", arm("v7"))];
  const index = indexOf([
    { image: one, platform: arm64 },
    { image: two, platform: arm("v7") },
  ]);
  await putIndex(registry, index, "rules/tags", "1");
  await putIndex(registry, index, "rules/tags", "2");
  await using here = openImages();
  const name = `${registry.host}/rules/tags`;
  await here.pull(name, { all: true, allPlatforms: true });
  const [listed, ...more] = here.images.list();
  assert.deepEqual([listed?.RepoTags, more], [[`${name}:1`, `${name}:2`], []]);
  assert.equal(here.images.get(`${name}:2`, arm("v7")).id, two.id);
});

const plain = imageOf({ layers: [layerOf([{ name: "x", content: "y" }])] });
const changed = (change: (manifest: Record<string, unknown>) => void, type = plain.manifestType): TestImage => {
  const manifest = JSON.parse(plain.manifest.toString()) as Record<string, unknown>;
  change(manifest);
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { ...plain, manifest: bytes, manifestDigest: digestOf(bytes), manifestType: type };
};
const listType = "application/vnd.docker.distribution.manifest.list.v2+json";
const schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const removed = /^Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed\./;
const entry = { mediaType: plain.manifestType, digest: plain.manifestDigest, size: 1 };

const half = plain.manifest.subarray(0, 200);

const refused: [string, Partial<Spoil> & { image: TestImage }, RegExp][] = [
  ["layers and manifests", { image: changed((m) => (m["manifests"] = [entry])) }, /should not have "manifests"/],
  [
    "an index with layers",
    { image: changed((m) => Object.assign(m, { mediaType: listType, manifests: [entry] }), listType) },
    /should not have "config", "layers"/,
  ],
  ["announced as an index", { image: { ...plain, manifestType: listType } }, /mediaType in manifest should be/],
  [
    "schema 1",
    { image: changed((m) => Object.assign(m, { schemaVersion: 1, mediaType: undefined, fsLayers: [] }), schema1) },
    removed,
  ],
  ["schema 1 in a manifest of schema 2", { image: changed((m) => (m["fsLayers"] = [])) }, removed],
  [
    "a layer of an unknown type",
    { image: changed((m) => (m["layers"] = [{ ...(m["layers"] as object[])[0], mediaType: "text/plain" }])) },
    /^unsupported media type text\/plain$/,
  ],
  [
    "truncated",
    { image: { ...plain, manifest: half, manifestDigest: digestOf(half) } },
    /^invalid manifest: not JSON$/,
  ],
  [
    "more than 4 MiB",
    {
      image: plain,
      bytes: (name, bytes) =>
        name === plain.manifestDigest ? Buffer.concat([bytes, Buffer.alloc(2 ** 22, " ")]) : bytes,
    },
    /larger than|too large|more than/,
  ],
  [
    "the digest of a HEAD that no GET bears out",
    {
      image: plain,
      answer: (name, request, response) => {
        if (request.method !== "HEAD" || name !== "latest") return false;
        const headers = { "docker-content-digest": digestOf(Buffer.from("other")), "content-type": plain.manifestType };
        response.writeHead(200, headers).end();
        return true;
      },
    },
    /^unknown: unknown error$/,
  ],
  [
    "other bytes than those of the digest of the HEAD",
    {
      image: plain,
      bytes: (name, bytes) => (name === plain.manifestDigest ? changed((m) => (m["a"] = 1)).manifest : bytes),
    },
    /^manifest verification failed for digest sha256:/,
  ],
];

for (const [what, spoil, message] of refused)
  for (const allPlatforms of [false, true])
    test(`refused, and nothing stays: ${what}${allPlatforms ? ", of all platforms" : ""}`, async () => {
      await using lying = await new LyingRegistry(spoil).listen();
      await using here = openImages();
      await assert.rejects(here.pull(lying.name, { allPlatforms }), (error: Error) => {
        assert.match(error.message, message);
        return true;
      });
      assertEmpty(here);
    });

test("all platforms come or none: one layer that is not what it should be", async () => {
  const [good, bad] = [imageNamed("good", arm64), imageNamed("bad", arm("v7"))];
  const index = indexOf([
    { image: good, platform: arm64 },
    { image: bad, platform: arm("v7") },
  ]);
  await putIndex(registry, index, "rules/broken", "1");
  const wrong = bad.layers[0]?.digest ?? "";
  const answer: Spoil["answer"] = (name, request, response) => {
    void registry
      .send(request.method ?? "GET", request.url ?? "/", { accept: String(request.headers.accept ?? "*/*") })
      .then(({ status, headers, body }) => {
        const kept = ["content-type", "docker-content-digest"].flatMap((key) =>
          headers[key] === undefined ? [] : [[key, String(headers[key])]],
        );
        const bytes = name === wrong ? Buffer.alloc(body.length) : body;
        response.writeHead(status, { ...Object.fromEntries(kept), "content-length": bytes.length });
        response.end(request.method === "HEAD" ? undefined : bytes);
      });
    return true;
  };
  await using lying = await new LyingRegistry({ image: plain, answer }).listen();
  await using here = openImages();
  const name = `${lying.name.split("/")[0]}/rules/broken:1`;
  await assert.rejects(here.pull(name, { allPlatforms: true }), /filesystem layer verification failed/);
  assertEmpty(here);
  await here.pull(name, { platform: arm64 });
  assert.equal(here.images.get(name).id, good.id);
});
