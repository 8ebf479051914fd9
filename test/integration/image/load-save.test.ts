import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { busyboxLayer, digestOf, dockerArchive, imageOf, layerOf, oddLayer } from "../../support/image.ts";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { tar } from "../../support/raw-tar.ts";
import type { TarEntry } from "../../support/raw-tar.ts";
import type { ProgressMessage } from "../../../src/wire/engine/progress.ts";

const base = busyboxLayer();
const image = imageOf({ layers: [base, oddLayer()] });
const sibling = imageOf({ layers: [base, layerOf([{ name: "other", content: "x" }])], config: { author: "me" } });

const load = async (here: TestImages, archive: Buffer, quiet = true): Promise<ProgressMessage[]> => {
  const told: ProgressMessage[] = [];
  await here.images.load(Readable.from([archive]), { quiet }, (message) => told.push(message));
  return told;
};

const bytesOf = async (stream: AsyncIterable<unknown>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** Nothing of a refused archive may stay. */
const assertEmpty = (here: TestImages): void => {
  assert.deepEqual(here.images.list({ all: true }), []);
  assert.deepEqual(here.blobs.list(), []);
  assert.deepEqual(here.layers.all(), []);
  assert.deepEqual(here.layers.driver.list(), []);
};

const compressions: [string, (bytes: Buffer) => Buffer][] = [
  ["plain", (bytes) => bytes],
  ["gzip", (bytes) => gzipSync(bytes)],
  ["zstd", (bytes) => zstdCompressSync(bytes)],
  ["bzip2", (bytes) => execFileSync("/usr/bin/bzip2", ["-c"], { input: bytes, maxBuffer: 1 << 28 })],
  ["xz", (bytes) => execFileSync("/usr/bin/xz", ["-c0"], { input: bytes, maxBuffer: 1 << 28 })],
];
for (const [name, compress] of compressions)
  test(`a docker-archive is loaded: ${name}`, async () => {
    await using here = openImages();
    const told = await load(here, compress(dockerArchive([{ image, tags: ["team/app:1", "app:latest"] }])));
    assert.deepEqual(told, [{ stream: "Loaded image: team/app:1\n" }, { stream: "Loaded image: app:latest\n" }]);
    const found = here.images.get("app");
    assert.equal(found.id, image.id);
    assert.deepEqual(await here.blobs.read(image.id), image.config);
    assert.deepEqual(here.blobs.list(), [image.id]);
    assert.deepEqual(
      here.events.map(({ Action, Actor }) => [Action, Actor.ID, Actor.Attributes["name"]]),
      [["load", image.id, image.id]],
    );
  });

test("without a name the id is told, with bars unless quiet", async () => {
  await using here = openImages();
  const told = await load(here, dockerArchive([{ image, tags: [] }], { blobs: true }), false);
  assert.deepEqual(told.at(-1), { stream: `Loaded image ID: ${image.id}\n` });
  assert.ok(told.some(({ status, id }) => status === "Loading layer" && id === base.diffId.slice(7, 19)));
});

test("a name that another image had is taken from it, and that is told", async () => {
  await using here = openImages();
  await load(here, dockerArchive([{ image, tags: ["app:1"] }]));
  const told = await load(here, dockerArchive([{ image: sibling, tags: ["app:1"] }]));
  assert.deepEqual(told, [
    { stream: `The image app:1 already exists, renaming the old one with ID ${image.id} to empty string\n` },
    { stream: "Loaded image: app:1\n" },
  ]);
  assert.deepEqual(here.images.get(image.id).repoTags, []);
});

test("saved and loaded elsewhere, ids, diffIDs and config bytes are the same; shared layers are there once", async () => {
  await using here = openImages();
  await load(
    here,
    dockerArchive([
      { image, tags: ["app:1", "app:2"] },
      { image: sibling, tags: ["sibling:1"] },
    ]),
  );
  const archive = await bytesOf(here.images.save(["app", "sibling:1"]));
  const listed = execFileSync("/bin/tar", ["-tf", "-"], { input: archive, encoding: "utf8" }).trim().split("\n");
  assert.equal(new Set(listed).size, listed.length);
  for (const name of ["manifest.json", "repositories", "index.json", "oci-layout"]) assert.ok(listed.includes(name));
  await using there = openImages();
  await load(there, archive);
  for (const { id, config, layers } of [image, sibling]) {
    const found = there.images.get(id);
    assert.deepEqual(await there.blobs.read(id), config);
    assert.deepEqual(
      found.config.rootfs.diff_ids,
      layers.map(({ diffId }) => diffId),
    );
    assert.deepEqual(found.repoTags, here.images.get(id).repoTags);
    for (const { chainId, diffId } of there.layers.chain(found.chainId))
      assert.equal(digestOf(await bytesOf(there.layers.tar(chainId))), diffId);
  }
  assert.deepEqual(await bytesOf(there.images.save(["app", "sibling:1"])), archive);
  // The same archive without Docker's own files is an OCI layout.
  const members = execFileSync(
    "/bin/sh",
    ["-c", "d=$(mktemp -d) && cd $d && tar -xf - && rm manifest.json repositories && tar -cf - * && rm -r $d"],
    {
      input: archive,
      maxBuffer: 1 << 28,
    },
  );
  await using layout = openImages();
  const told = await load(layout, members);
  assert.deepEqual(
    told.map(({ stream }) => stream),
    ["app:1", "app:2", "sibling:1"].map((tag) => `Loaded image: ${tag}\n`),
  );
  assert.equal(layout.images.get("app:2").id, image.id);
});

test("what cannot be saved is said before the first byte", async () => {
  await using here = openImages();
  assert.throws(() => here.images.save(["nope"]), { kind: "not-found", message: "No such image: nope" });
  assert.throws(() => here.images.save(["nope:1"]), { kind: "not-found", message: "reference does not exist" });
});

const indexType = "application/vnd.oci.image.index.v1+json";
const configName = `${image.id.slice(7)}.json`;
const hostile: [string, Buffer, RegExp][] = [
  ["no manifest", tar([{ name: "x", content: "y" }]), /^open repositories: no such file or directory$/],
  ["an empty archive", tar([]), /^open repositories/],
  ["a null manifest", tar([{ name: "manifest.json", content: "null" }]), /manifest cannot be null/],
  ["a manifest of a wrong type", tar([{ name: "manifest.json", content: '{"Config":1}' }]), /not a list/],
  ["a config that is not there", tar([{ name: "manifest.json", content: '[{"Config":"x"}]' }]), /^open x: no such/],
  ["a config outside", tar([{ name: "manifest.json", content: '[{"Config":"../../etc/passwd"}]' }]), /no such file/],
  ["a config without rootfs", archiveWith("{}", []), /invalid image JSON, no RootFS key/],
  ["a config that is no JSON", archiveWith("{", []), /invalid image JSON/],
  ["a config with wrong types", archiveWith('{"rootfs":{"diff_ids":[]},"config":{"Env":"x"}}', []), /wrong type/],
  ["diffIDs that are no digests", archiveWith('{"rootfs":{"diff_ids":["../x"]}}', ["l"]), /not a list of digests/],
  ["a huge config", archiveWith(`{"rootfs":{"diff_ids":[]},"x":"${"x".repeat(5_000_000)}"}`, []), /larger than/],
  ["fewer layers than diffIDs", archiveWith(image.config.toString(), ["l"]), /length mismatch: expected 1, got 2/],
  [
    "another operating system",
    archiveWith('{"os":"windows","rootfs":{"diff_ids":[]}}', []),
    /^cannot load windows image on linux$/,
  ],
  ["a layer of another digest", archiveWith(image.config.toString(), ["l", "l"]), /invalid diffID for layer/],
  ["a truncated archive", dockerArchive([{ image, tags: [] }]).subarray(0, 40_000), /unexpected EOF/],
  [
    "a truncated gzip",
    gzipSync(dockerArchive([{ image, tags: [] }])).subarray(0, 40_000),
    /unexpected EOF|invalid gzip data/,
  ],
  ["no archive at all", Buffer.from("hello ".repeat(1000)), /invalid tar header/],
  [
    "a blob that is not what its name says",
    tar([{ name: `blobs/sha256/${image.id.slice(7)}`, content: "x" }]),
    /digest/,
  ],
  [
    "links in a circle",
    tar([
      { name: "a", type: "2", linkname: "b" },
      { name: "b", type: "2", linkname: "a" },
      { name: "manifest.json", content: '[{"Config":"a"}]' },
    ]),
    /^open a: no such file/,
  ],
  [
    "a config of other layers",
    archiveWith(sibling.config.toString(), ["l", "l"]),
    /invalid diffID for layer 0: expected "sha256:/,
  ],
  [
    "more layers than diffIDs",
    archiveWith(image.config.toString(), ["l", "l", "l"]),
    /length mismatch: expected 3, got 2/,
  ],
  ["a layer that is no archive", archiveWith(image.config.toString(), [configName, "l"]), /unexpected EOF/],
  [
    "a config that is an archive",
    archiveOf([{ name: "c", content: tar([]) }], [{ Config: "c" }]),
    /is an archive where/,
  ],
  [
    "a document that no one needs to read",
    archiveOf([{ name: "c", content: `{"x":"${"x".repeat(17_000_000)}"}` }], [{ Config: "c" }]),
    /larger than/,
  ],
  [
    "a layout with an index that is a manifest too",
    layoutWith({ manifests: [], config: { digest: image.id, size: 1 }, layers: [] }),
    /manifest|index/,
  ],
  ["a layout with an index that is a manifest", layoutWith({ config: { digest: image.id }, layers: [] }), /./],
  [
    "a layout whose index leads to itself",
    layoutWith({ manifests: [{ mediaType: indexType, digest: `sha256:${"0".repeat(64)}`, size: 1 }] }),
    /no such file/,
  ],
  [
    "a layout with a digest that climbs",
    layoutWith({ manifests: [{ mediaType: indexType, digest: "sha256:../../../../etc/passwd", size: 1 }] }),
    /digest/,
  ],
  ["a name that is none", archiveWith(image.config.toString(), ["l", "l"], ["NO"]), /must be lowercase/],
];

function archiveWith(config: string, layers: string[], tags: string[] = []): Buffer {
  const entries: TarEntry[] = [
    { name: configName, content: config },
    { name: "l", content: tar([{ name: "f", content: "x" }]) },
    { name: "manifest.json", content: JSON.stringify([{ Config: configName, Layers: layers, RepoTags: tags }]) },
  ];
  return tar(entries);
}

/** An OCI layout of an index alone. */
function layoutWith(index: object): Buffer {
  return tar([
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: "index.json", content: JSON.stringify({ schemaVersion: 2, ...index }) },
  ]);
}

for (const [what, archive, message] of hostile)
  test(`refused, and nothing stays: ${what}`, async () => {
    await using here = openImages();
    await assert.rejects(load(here, archive), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
    assertEmpty(here);
  });

test("a good image before a bad one does not stay either", async () => {
  await using here = openImages();
  const bad = imageOf({ layers: [base], config: { rootfs: null } });
  await assert.rejects(
    load(
      here,
      dockerArchive([
        { image, tags: ["good:1"] },
        { image: bad, tags: [] },
      ]),
    ),
  );
  assertEmpty(here);
});

test("a client that leaves ends the load, and nothing stays", async () => {
  await using here = openImages();
  const abort = new AbortController();
  const archive = dockerArchive([{ image, tags: [] }]);
  async function* slowly(): AsyncGenerator<Buffer> {
    yield archive.subarray(0, 30_000);
    abort.abort(new Error("gone"));
    yield archive.subarray(30_000);
  }
  const loading = here.images.load(Readable.from(slowly()), { signal: abort.signal }, () => undefined);
  await assert.rejects(loading, { message: "context canceled" });
  assertEmpty(here);
});

/** An archive with files of the test's own. */
function archiveOf(files: readonly TarEntry[], images: readonly object[]): Buffer {
  return tar([...files, { name: "manifest.json", content: JSON.stringify(images) }]);
}
const configFile = (of: { id: string; config: Buffer }): TarEntry => ({
  name: `${of.id.slice(7)}.json`,
  content: of.config,
});
const itemOf = (of: { id: string }, layers: string[], tags: string[]): object => ({
  Config: `${of.id.slice(7)}.json`,
  RepoTags: tags,
  Layers: layers,
});

/** Every layer of every image comes back with its own digest. */
const assertWhole = async (here: TestImages): Promise<void> => {
  for (const { chainId, diffId } of here.layers.all())
    assert.equal(digestOf(await bytesOf(here.layers.tar(chainId))), diffId);
};

test("layers are unpacked as they come: one file for several places, links, names that come twice, and what is no layer", async () => {
  await using here = openImages();
  const own = layerOf([{ name: "own", content: "x" }]);
  const twice = imageOf({ layers: [base, own, base] });
  const alone = imageOf({ layers: [own] });
  const archive = archiveOf(
    [
      { name: "l/own.tar", content: base.tar },
      { name: "l/own.tar", content: own.tar },
      { name: "l/base.tar", content: gzipSync(base.tar) },
      { name: "l/again.tar", type: "2", linkname: "base.tar" },
      { name: "l/hard.tar", type: "1", linkname: "l/own.tar" },
      { name: "broken.tar", content: tar([{ name: "a", content: "b" }]).subarray(0, 600) },
      { name: "unused.tar", content: tar([{ name: "a", content: "b" }]) },
      { name: "zeros", content: Buffer.alloc(4096) },
      configFile(twice),
      configFile(alone),
    ],
    [
      itemOf(twice, ["l/base.tar", "l/own.tar", "./l/again.tar"], ["twice:1"]),
      itemOf(alone, ["l/hard.tar"], ["alone:1"]),
    ],
  );
  await load(here, archive);
  assert.deepEqual(here.blobs.list().sort(), [twice.id, alone.id].sort());
  assert.equal(here.layers.all().length, 4);
  assert.deepEqual(here.layers.driver.list().length, 4);
  await assertWhole(here);
  assert.deepEqual(
    here.layers.chain(here.images.get("twice:1").chainId).map(({ diffId }) => diffId),
    [base.diffId, own.diffId, base.diffId],
  );
});

test("a layer that is here already is passed over, whatever its file holds", async () => {
  await using here = openImages();
  await load(here, dockerArchive([{ image, tags: ["app:1"] }]));
  const name = (diffId: string): string => `blobs/sha256/${diffId.slice(7)}`;
  const files = [...image.layers, ...sibling.layers].map(({ diffId, tar: content }) => ({
    name: name(diffId),
    content,
  }));
  const lied = files.map((file) => (file.name === name(base.diffId) ? { ...file, content: "nothing" } : file));
  const archive = archiveOf(
    [...lied, configFile(sibling)],
    [
      itemOf(
        sibling,
        sibling.layers.map(({ diffId }) => name(diffId)),
        ["sibling:1"],
      ),
    ],
  );
  await load(here, archive);
  await assertWhole(here);
  assert.equal(here.images.get("sibling:1").id, sibling.id);
  // A name that lies makes no other layer of it.
  const honest = imageOf({ layers: [layerOf([{ name: "honest", content: "1" }])] });
  const lying = archiveOf(
    [{ name: name(base.diffId), content: honest.layers[0]?.tar ?? "" }, configFile(honest)],
    [itemOf(honest, [name(base.diffId)], ["honest:1"])],
  );
  await assert.rejects(load(here, lying), { message: /^invalid diffID for layer 0: expected / });
  // On top of another layer it is another one: made from the one that is here.
  const moved = imageOf({ layers: [layerOf([{ name: "first", content: "1" }]), base] });
  const [first] = moved.layers;
  await load(
    here,
    archiveOf(
      [{ name: "first.tar", content: first?.tar ?? "" }, { name: name(base.diffId), content: "" }, configFile(moved)],
      [itemOf(moved, ["first.tar", name(base.diffId)], ["moved:1"])],
    ),
  );
  await assertWhole(here);
  assert.equal(here.images.get("moved:1").id, moved.id);
});

test("an image that is removed while its archive is loaded again is there in the end", async () => {
  await using here = openImages();
  await load(here, dockerArchive([{ image, tags: ["app:1"] }]));
  const archive = await bytesOf(here.images.save(["app:1"]));
  async function* slowly(): AsyncGenerator<Buffer> {
    yield archive.subarray(0, 1024);
    await here.images.remove("app:1", { force: false, prune: true });
    yield archive.subarray(1024);
  }
  await here.images.load(Readable.from(slowly()), { quiet: true }, () => undefined);
  assert.equal(here.images.get("app:1").id, image.id);
  await assertWhole(here);
});

test("an image that is removed while it is saved goes when the archive is written", async () => {
  await using here = openImages();
  await load(here, dockerArchive([{ image, tags: ["app:1"] }]));
  const saving = here.images.save(["app:1"]);
  await here.images.remove("app:1", { force: false, prune: true });
  const archive = await bytesOf(saving);
  for (let round = 0; round < 200 && here.layers.driver.list().length > 0; round++) await sleep(10);
  assertEmpty(here);
  await load(here, archive);
  await assertWhole(here);
});

test("the layers of an image that is not of the wanted platform do not stay", async () => {
  await using here = openImages();
  await here.images.load(
    Readable.from([dockerArchive([{ image, tags: ["app:1"] }])]),
    { quiet: true, platform: { os: "linux", architecture: "s390x" } },
    () => undefined,
  );
  assertEmpty(here);
  assert.deepEqual(here.layers.driver.list(), []);
});
