// Indexes in archives: all platforms of a layout, one of them, and both ways through a save.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { layerOf } from "../../support/image.ts";
import { attestationOf, imageFor, indexOf } from "../../support/index-image.ts";
import { tar } from "../../support/raw-tar.ts";
import type { TarEntry } from "../../support/raw-tar.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const armV7 = { os: "linux", architecture: "arm", variant: "v7" };
const windows = { os: "windows", architecture: "amd64" };
const host = process.arch === "arm64" ? arm64 : amd64;
const other = process.arch === "arm64" ? amd64 : arm64;

const noarch = layerOf([{ name: "shared", content: "s".repeat(50) }]);
const hostImage = imageFor(host, { layers: [noarch, layerOf([{ name: "host", content: "h" }])] });
const otherImage = imageFor(other, { layers: [noarch, layerOf([{ name: "other", content: "o" }], "zstd")] });
const absent = imageFor(armV7, { layers: [layerOf([{ name: "absent", content: "a" }])] });
const winImage = imageFor(windows, { layers: [layerOf([{ name: "win", content: "w" }])] });
const attestation = attestationOf(hostImage, ["https://slsa.dev/provenance/v0.2"]);
const made = indexOf([
  { image: otherImage, platform: other },
  { image: hostImage, platform: host, attestation },
  { image: absent, platform: armV7 },
  { image: winImage, platform: windows },
]);
const name = "team/multi:1";

const blob = (digest: string, content: Buffer): TarEntry => ({ name: `blobs/sha256/${digest.slice(7)}`, content });

/** As `buildx` and `skopeo` write it: an index below `index.json`; one platform's content is not there. */
const layout = (annotations: object = { "io.containerd.image.name": `docker.io/${name}` }): Buffer =>
  tar([
    ...[hostImage, otherImage, winImage].flatMap((image) => [
      ...image.layers.map((layer) => blob(layer.digest, layer.blob)),
      blob(image.id, image.config),
      blob(image.manifestDigest, image.manifest),
    ]),
    blob(attestation.manifestDigest, attestation.manifest),
    ...attestation.blobs.map((bytes, index) => {
      const manifest = JSON.parse(attestation.manifest.toString()) as { config: object; layers: object[] };
      const digest = ([manifest.config, ...manifest.layers][index] as { digest: string }).digest;
      return blob(digest, bytes);
    }),
    blob(made.digest, made.index),
    {
      name: "index.json",
      content: JSON.stringify({
        schemaVersion: 2,
        manifests: [{ mediaType: made.type, digest: made.digest, size: made.index.length, annotations }],
      }),
    },
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
  ]);

const load = async (here: TestImages, archive: Buffer, platform?: typeof host): Promise<string[]> => {
  const told: string[] = [];
  await here.images.load(Readable.from([archive]), { quiet: true, platform }, ({ stream }) => told.push(stream ?? ""));
  return told;
};

const save = async (here: TestImages, platform?: typeof host): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of here.images.save([name], { platform })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const kinds = (here: TestImages): string[] =>
  (here.images.inspect(name, { manifests: true }).Manifests ?? []).map(
    ({ Kind, Available, ImageData }) => `${Kind} ${ImageData?.Platform?.architecture ?? ""} ${Available}`,
  );

test("a layout is loaded with its index, all platforms that are there, and attestations", async () => {
  await using here = openImages();
  assert.deepEqual(await load(here, layout()), [`Loaded image: ${name}\n`]);
  assert.equal(here.images.get(name).id, hostImage.id);
  assert.equal(here.images.get(name, other).id, otherImage.id);
  assert.throws(() => here.images.get(name, armV7), { kind: "not-found" });
  assert.deepEqual(here.images.inspect(name).Descriptor, {
    mediaType: made.type,
    digest: made.digest,
    size: made.index.length,
  });
  assert.deepEqual(
    kinds(here).sort(),
    [
      `image ${other.architecture} true`,
      `image ${host.architecture} true`,
      "image arm false",
      "image amd64 false",
      "attestation  true",
    ].sort(),
  );
  assert.equal(here.layers.all().length, 3, "the shared layer is there once, that of Windows not");
  const [first] = await here.images.attestations(name);
  assert.ok(first !== undefined);
});

test("only the wanted platform is loaded; another one comes to the same name later", async () => {
  await using here = openImages();
  assert.deepEqual(await load(here, layout(), other), [`Loaded image: ${name}\n`]);
  assert.equal(here.images.get(name).id, otherImage.id);
  assert.equal(here.layers.all().length, 2);
  await load(here, layout({}), host);
  assert.equal(here.images.get(name).id, hostImage.id, "this machine's is meant now");
  assert.equal(here.images.get(name, other).id, otherImage.id);
});

test("an index without a name is told by the image that is meant, and so is one that is there twice", async () => {
  await using here = openImages();
  assert.deepEqual(await load(here, layout({})), [`Loaded image ID: ${hostImage.id}\n`]);
  assert.deepEqual(await load(here, layout({})), [`Loaded image ID: ${hostImage.id}\n`]);
});

test("saved and loaded elsewhere, a name has all its platforms and attestations again", async () => {
  await using here = openImages();
  await load(here, layout());
  const saved = await save(here);
  await using there = openImages();
  assert.deepEqual(await load(there, saved), [`Loaded image: ${name}\n`]);
  assert.equal(there.images.get(name).id, hostImage.id);
  assert.equal(there.images.get(name, other).id, otherImage.id);
  assert.deepEqual(
    kinds(there).sort(),
    ["attestation  true", `image ${host.architecture} true`, `image ${other.architecture} true`].sort(),
  );
  assert.ok((await save(there)).equals(saved), "and so on");
  const attested = await there.images.attestations(name);
  assert.equal(attested.length, 1);
});

test("compressed layers of a layout are kept when they are to be", async () => {
  const compressed = [hostImage, otherImage].flatMap(({ layers }) => layers.map(({ digest }) => digest));
  for (const keepLayerBlobs of [false, true]) {
    await using here = openImages({}, { keepLayerBlobs });
    await load(here, layout());
    assert.equal(here.layers.all().length, 3);
    for (const digest of compressed) assert.equal(here.blobs.has(digest), keepLayerBlobs);
  }
});

test("one platform of a name is saved alone", async () => {
  await using here = openImages();
  await load(here, layout());
  await using there = openImages();
  await load(there, await save(here, other));
  assert.equal(there.images.get(name).id, otherImage.id);
  assert.equal(there.images.list({ all: true }).length, 1);
  assert.throws(() => here.images.save([name], { platform: armV7 }), {
    kind: "not-found",
    message: "no suitable export target found for platform linux/arm/v7",
  });
});

test("manifest.json has the last word where the layout says something else", async () => {
  await using here = openImages();
  const config = { name: "c", content: winImage.config.toString().replaceAll("windows", "linux") };
  const lie = tar([
    { name: "l", content: winImage.layers[0]?.tar ?? "" },
    config,
    { name: "manifest.json", content: JSON.stringify([{ Config: "c", Layers: ["l"], RepoTags: [name] }]) },
  ]);
  await load(here, Buffer.concat([lie.subarray(0, -1024), layout()]));
  assert.notEqual(here.images.get(name).id, hostImage.id);
  assert.equal(here.images.inspect(name).Descriptor, undefined);
});
