import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { busyboxLayer, digestOf, imageOf, layerOf, oddLayer } from "../../support/image.ts";
import { openImages } from "../../support/engine-images.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
});
after(() => registry?.[Symbol.asyncDispose]());

const short = (digest: string): string => digest.slice(7, 19);
const bytesOf = async (stream: AsyncIterable<unknown>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

test("an image comes with Docker's words, its layers unpacked and its names set", async () => {
  const image = imageOf({ layers: [busyboxLayer(), oddLayer()] });
  await registry.put(image, "team/app", "1");
  await using here = openImages();
  const name = `${registry.host}/team/app:1`;
  const told = await here.pull(name);
  const [base, odd] = image.layers.map(({ digest }) => short(digest));
  assert.deepEqual(told[0], { status: "Pulling from team/app", id: "1" });
  assert.deepEqual(told[1], { status: "Pulling fs layer", progressDetail: {}, id: base });
  assert.deepEqual(told[2], { status: "Pulling fs layer", progressDetail: {}, id: odd });
  for (const id of [base, odd]) {
    const own = told.filter((message) => message.id === id).map(({ status }) => status);
    const order = [
      "Pulling fs layer",
      "Downloading",
      "Verifying Checksum",
      "Download complete",
      "Extracting",
      "Pull complete",
    ];
    assert.deepEqual([...new Set(own)], order);
  }
  assert.deepEqual(told.slice(-2), [
    { status: `Digest: ${image.manifestDigest}` },
    { status: `Status: Downloaded newer image for ${name}` },
  ]);
  const found = here.images.get(name);
  assert.equal(found.id, image.id);
  assert.deepEqual(found.repoTags, [name]);
  assert.deepEqual(found.repoDigests, [`${registry.host}/team/app@${image.manifestDigest}`]);
  assert.deepEqual(await here.blobs.read(image.id), image.config);
  assert.deepEqual(await here.blobs.read(image.manifestDigest), image.manifest);
  for (const layer of here.layers.chain(found.chainId)) {
    const own = image.layers.find(({ diffId }) => diffId === layer.diffId);
    assert.deepEqual(await bytesOf(here.layers.tar(layer.chainId)), own?.tar);
  }
  assert.deepEqual(here.blobs.list().sort(), [image.id, image.manifestDigest].sort());
  assert.deepEqual(
    here.events.map(({ Action, Actor }) => [Action, Actor]),
    [["pull", { ID: name, Attributes: { maker: "test", name: `${registry.host}/team/app` } }]],
  );
  const again = await here.pull(name);
  assert.deepEqual(again, [
    { status: "Pulling from team/app", id: "1" },
    { status: `Digest: ${image.manifestDigest}` },
    { status: `Status: Image is up to date for ${name}` },
  ]);
});

test("a layer that is here already is not fetched again", async () => {
  const base = layerOf([{ name: "base", content: "shared" }]);
  const one = imageOf({ layers: [base, layerOf([{ name: "one", content: "1" }])] });
  const two = imageOf({ layers: [base, layerOf([{ name: "two", content: "2" }], "zstd")], oci: true });
  await registry.put(one, "team/one", "latest");
  await registry.put(two, "team/two", "latest");
  await using here = openImages();
  await here.pull(`${registry.host}/team/one`);
  const told = await here.pull(`${registry.host}/team/two`);
  assert.deepEqual(told[1], { status: "Already exists", progressDetail: {}, id: short(base.digest) });
  assert.equal(here.images.get(`${registry.host}/team/two`).id, two.id);
});

test("by digest, and all tags", async () => {
  const one = imageOf({ layers: [layerOf([{ name: "t1", content: "1" }])] });
  const two = imageOf({ layers: [layerOf([{ name: "t2", content: "2" }])] });
  await registry.put(one, "team/many", "1");
  await registry.put(two, "team/many", "2");
  const name = `${registry.host}/team/many`;
  await using here = openImages();
  await here.pull(`${name}@${one.manifestDigest}`);
  assert.deepEqual(here.images.get(one.id).repoTags, []);
  assert.deepEqual(here.images.get(one.id).repoDigests, [`${name}@${one.manifestDigest}`]);
  await here.pull(name, { all: true });
  assert.deepEqual(here.images.get(one.id).repoTags, [`${name}:1`]);
  assert.deepEqual(here.images.get(two.id).repoTags, [`${name}:2`]);
});

test("an index leads to this machine's platform", async () => {
  const image = imageOf({ layers: [layerOf([{ name: "mine", content: "x" }])], oci: true });
  await registry.put(image, "team/multi", "own");
  const own = process.arch === "arm64" ? "arm64" : "amd64";
  const entry = (architecture: string, digest: string) => ({
    mediaType: image.manifestType,
    digest,
    size: image.manifest.length,
    platform: { os: "linux", architecture },
  });
  const type = "application/vnd.oci.image.index.v1+json";
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [entry(own, image.manifestDigest)] }),
  );
  const put = await registry.send("PUT", "/v2/team/multi/manifests/latest", { "content-type": type }, index);
  assert.equal(put.status, 201);
  await using here = openImages();
  const name = `${registry.host}/team/multi`;
  const told = await here.pull(name);
  assert.deepEqual(told.at(-2), { status: `Digest: ${digestOf(index)}` });
  assert.equal(here.images.get(name).id, image.id);
  assert.deepEqual(here.blobs.list().sort(), [image.id, image.manifestDigest, digestOf(index)].sort());
  await assert.rejects(here.pull(name, { platform: { os: "linux", architecture: "s390x" } }), {
    message: "no matching manifest for linux/s390x in the manifest list entries",
  });
});

test("what is not there, and what may not be pulled", async () => {
  await using here = openImages();
  const { host } = registry;
  await registry.put(imageOf({ layers: [] }), "team/there", "1");
  const cases: [string, string, string][] = [
    [
      `${host}/team/there:2`,
      "not-found",
      `manifest for ${host}/team/there:2 not found: manifest unknown: manifest unknown`,
    ],
    ["127.0.0.1:1/x", "system", 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'],
    ["scratch", "forbidden", "'scratch' is a reserved name"],
    ["UPPER", "invalid-parameter", "invalid reference format: repository name (library/UPPER) must be lowercase"],
  ];
  for (const [name, kind, message] of cases) await assert.rejects(here.pull(name), { kind, message });
});

test("two pulls of one image at a time share the work", async () => {
  const image = imageOf({ layers: [layerOf([{ name: "big", content: Buffer.alloc(3_000_000, 5) }], "none")] });
  await registry.put(image, "team/twice", "latest");
  await using here = openImages();
  const name = `${registry.host}/team/twice`;
  const [one, two] = await Promise.all([here.pull(name), here.pull(name)]);
  for (const told of [one, two]) assert.ok(told.some(({ status }) => status === "Pull complete"));
  assert.equal(here.layers.all().length, 1);
});
