import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { busyboxLayer, digestOf, dockerArchive, imageOf, layerOf, oddLayer } from "../../support/image.ts";
import type { Compression, TestImage, TestLayer } from "../../support/image.ts";
import { LyingRegistry, flipped } from "../../support/lying-registry.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import { Compressors } from "../../../src/oci/archive/compress.ts";
import type { ProgressMessage } from "../../../src/wire/engine/progress.ts";

let from: TestRegistry;
let to: TestRegistry;
before(async () => {
  [from, to] = await Promise.all([startRegistry(), startRegistry()]);
});
after(async () => {
  await from?.[Symbol.asyncDispose]();
  await to?.[Symbol.asyncDispose]();
});

const ociGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
const foreignType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const accept = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
].join(", ");

const typed = (layer: TestLayer, mediaType: string): TestLayer => ({ ...layer, mediaType });
const small = (text: string, compression: Compression): TestLayer =>
  layerOf([{ name: text, content: text.repeat(10_000) }], compression);

/** The image with another manifest: laid out as no tool of ours does, with what only it says. */
const rewritten = (image: TestImage, change: (document: Record<string, unknown>) => object): TestImage => {
  const document = JSON.parse(image.manifest.toString()) as Record<string, unknown>;
  const manifest = Buffer.from(`${JSON.stringify(change(document), null, "\t")}\n`);
  return { ...image, manifest, manifestDigest: digestOf(manifest) };
};

const push = async (here: TestImages, name: string): Promise<ProgressMessage[]> => {
  const told: ProgressMessage[] = [];
  await here.images.push(name, {}, (message) => told.push(message));
  return told;
};

/** Asserts that a registry has an image byte for byte. */
const assertSame = async (registry: TestRegistry, name: string, image: TestImage, missing: string[] = []) => {
  const answer = await registry.send("GET", `/v2/${name}/manifests/1`, { accept });
  assert.equal(digestOf(answer.body), image.manifestDigest);
  assert.deepEqual(answer.body, image.manifest);
  assert.equal(answer.headers["content-type"], image.manifestType);
  assert.deepEqual((await registry.send("GET", `/v2/${name}/blobs/${image.id}`)).body, image.config);
  for (const { digest, blob } of image.layers) {
    const found = await registry.send("GET", `/v2/${name}/blobs/${digest}`);
    if (missing.includes(digest)) assert.equal(found.status, 404);
    else assert.deepEqual(found.body, blob);
  }
};

const images: Record<string, TestImage> = {
  "docker-gzip": imageOf({ layers: [busyboxLayer(), oddLayer(), small("docker", "gzip")] }),
  "oci-gzip": imageOf({ layers: [typed(small("oci-a", "gzip"), ociGzip), typed(oddLayer(), ociGzip)], oci: true }),
  "oci-zstd": imageOf({ layers: [small("zstd-a", "zstd"), small("zstd-b", "zstd")], oci: true }),
  mixed: rewritten(
    imageOf({
      layers: [typed(small("mixed-a", "gzip"), ociGzip), small("mixed-b", "zstd"), small("mixed-c", "none")],
      oci: true,
    }),
    (document) => ({ ...document, annotations: { "org.example.note": "kept" } }),
  ),
};

test("a pulled image pushed elsewhere is the same there, byte for byte", async () => {
  for (const [name, image] of Object.entries(images)) {
    await from.put(image, `from/${name}`, "1");
    await using here = openImages();
    await here.pull(`${from.host}/from/${name}:1`);
    for (const { digest } of image.layers) assert.ok(!here.blobs.has(digest), "no compressed copy is kept");
    here.images.tag(`${from.host}/from/${name}:1`, `${to.host}/to/${name}`, "1");
    const told = await push(here, `${to.host}/to/${name}:1`);
    await assertSame(to, `to/${name}`, image);
    assert.ok(told.some(({ status }) => status?.startsWith(`1: digest: ${image.manifestDigest} size: `)));
    assert.ok(here.images.get(image.id).repoDigests.includes(`${to.host}/to/${name}@${image.manifestDigest}`));
    for (const { digest } of image.layers) assert.ok(!here.blobs.has(digest), "nothing was stored on the way");
  }
});

test("an image made here has one digest in every registry, though nothing compressed is kept", async () => {
  const image = imageOf({ layers: [busyboxLayer(), small("made", "gzip")] });
  await using here = openImages();
  const names = [`${from.host}/made/here`, `${to.host}/made/there`];
  const archive = dockerArchive([{ image, tags: names.map((name) => `${name}:1`) }]);
  await here.images.load(Readable.from([archive]), {}, () => undefined);
  const digests = new Set<string>();
  for (const name of names) {
    const told = await push(here, `${name}:1`);
    assert.equal(told.filter(({ status }) => status === "Pushed").length, 2);
    digests.add(/digest: (sha256:[0-9a-f]+)/.exec(told.at(-2)?.status ?? "")?.[1] ?? "");
  }
  assert.equal(digests.size, 1);
  const one = await from.send("GET", "/v2/made/here/manifests/1", { accept });
  assert.deepEqual((await to.send("GET", "/v2/made/there/manifests/1", { accept })).body, one.body);
});

test("a compressor that gives other bytes than it did: they are never finished, and fetched again where they are", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-compressor-"));
  const program = join(folder, "gzip");
  const install = (version: string, level: string): void => {
    const script = `#!/bin/sh\n[ "$1" = --version ] && echo "gzip ${version}" && exit\nexec /bin/gzip ${level} -n -c\n`;
    writeFileSync(program, script, { mode: 0o755 });
  };
  const compressors = (): Compressors => new Compressors((name) => (name === "gzip" ? program : null));
  try {
    install("1.1", "-9");
    const image = imageOf({ layers: [small("recipe", "gzip")] });
    const first = await startRegistry();
    const archive = dockerArchive([{ image, tags: [`${first.host}/a/b:1`] }]);
    for (const [version, level] of [
      ["1.1", "-1"],
      ["1.2", "-9"],
    ] as const) {
      install("1.1", "-9");
      await using here = openImages({}, { compressors: compressors() });
      await here.images.load(Readable.from([archive]), {}, () => undefined);
      await push(here, `${first.host}/a/b:1`);
      const made = (await first.send("GET", "/v2/a/b/manifests/1", { accept })).body;
      install(version, level);
      await using second = await startRegistry();
      here.images.tag(image.id, `${second.host}/c/d`, "1");
      await push(here, `${second.host}/c/d:1`);
      assert.deepEqual((await second.send("GET", "/v2/c/d/manifests/1", { accept })).body, made);
    }
    await first[Symbol.asyncDispose]();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("when the source is gone the push works, and says what differs and why", async () => {
  const image = images["mixed"] ?? assert.fail();
  await using here = openImages();
  const gone = await startRegistry();
  await gone.put(image, "gone/image", "1");
  await here.pull(`${gone.host}/gone/image:1`);
  await gone[Symbol.asyncDispose]();
  here.images.tag(`${gone.host}/gone/image:1`, `${to.host}/to/anew`, "1");
  await using empty = await startRegistry();
  here.images.tag(`${gone.host}/gone/image:1`, `${empty.host}/to/anew`, "1");
  const told = await push(here, `${empty.host}/to/anew:1`);
  const lines = told.flatMap(({ status }) => (status === undefined ? [] : [status]));
  const refused = `Get "http://${gone.host}/v2/": dial tcp ${gone.host}: connect: connection refused`;
  const ids = image.layers.slice(0, 2).map(({ diffId }) => diffId.slice(7, 19));
  for (const id of ids)
    assert.ok(
      lines.includes(
        `Layer ${id} was compressed anew: its bytes are not kept here and cannot be fetched again: ${refused}`,
      ),
      lines.join("\n"),
    );
  assert.ok(lines.includes(`The digest differs from the one that the image came with: ${image.manifestDigest}`));
  const answer = await empty.send("GET", "/v2/to/anew/manifests/1", { accept });
  const manifest = JSON.parse(answer.body.toString()) as { annotations: object; layers: { mediaType: string }[] };
  assert.deepEqual(manifest.annotations, { "org.example.note": "kept" });
  assert.deepEqual(
    manifest.layers.map(({ mediaType }) => mediaType),
    [ociGzip, ociGzip, "application/vnd.oci.image.layer.v1.tar"],
  );
  await using there = openImages();
  await there.pull(`${empty.host}/to/anew:1`);
  assert.equal(there.images.get(`${empty.host}/to/anew:1`).id, image.id);
});

test("with keep-layer-blobs the bytes are kept, survive collections, and are exact without their source", async () => {
  const image = images["oci-zstd"] ?? assert.fail();
  await using here = openImages({}, { keepLayerBlobs: true });
  const gone = await startRegistry();
  await gone.put(image, "gone/image", "1");
  await here.pull(`${gone.host}/gone/image:1`);
  await gone[Symbol.asyncDispose]();
  await here.images.collect();
  for (const { digest } of image.layers) assert.ok(here.blobs.has(digest));
  assert.equal(
    here.images.keptBlobsSize(),
    image.layers.reduce((sum, { blob }) => sum + blob.length, 0),
  );
  await using empty = await startRegistry();
  here.images.tag(`${gone.host}/gone/image:1`, `${empty.host}/to/kept`, "1");
  await push(here, `${empty.host}/to/kept:1`);
  await assertSame(empty, "to/kept", image);
});

test("a source that gives other bytes than it did is not sent on", async () => {
  const image = images["oci-gzip"] ?? assert.fail();
  let lies = false;
  await using liar = await new LyingRegistry({
    image,
    bytes: (name, bytes) => (lies && image.layers.some(({ digest }) => digest === name) ? flipped(bytes, 20) : bytes),
  }).listen();
  await using here = openImages();
  await here.pull(`${liar.name}:latest`);
  lies = true;
  await using empty = await startRegistry();
  here.images.tag(`${liar.name}:latest`, `${empty.host}/to/lied`, "1");
  const told = await push(here, `${empty.host}/to/lied:1`);
  assert.ok(told.some(({ status }) => /compressed anew.*the bytes to upload have the digest/.test(status ?? "")));
  for (const { digest } of image.layers)
    assert.equal((await empty.send("HEAD", `/v2/to/lied/blobs/${digest}`)).status, 404);
});

test("foreign layers are left where they are, unless the registry may have them", async () => {
  const layer = small("foreign", "gzip");
  const image = rewritten(imageOf({ layers: [busyboxLayer(), layer] }), (document) => {
    const layers = document["layers"] as object[];
    const urls = ["http://127.0.0.1:1/nowhere"];
    return { ...document, layers: [layers[0], { ...layers[1], mediaType: foreignType, urls }] };
  });
  await from.put(image, "from/foreign", "1");
  for (const allowed of [false, true]) {
    await using target = await startRegistry();
    await using here = openImages(
      {},
      {
        access: { allowNondistributable: allowed ? ["127.0.0.0/8"] : ["x:1"] },
      },
    );
    await here.pull(`${from.host}/from/foreign:1`);
    here.images.tag(`${from.host}/from/foreign:1`, `${target.host}/to/foreign`, "1");
    const told = await push(here, `${target.host}/to/foreign:1`);
    assert.equal(told.filter(({ status }) => status === "Skipped foreign layer").length, allowed ? 0 : 1);
    await assertSame(target, "to/foreign", image, allowed ? [] : [layer.digest]);
  }
});

test("an index that is here whole is pushed whole, with its attestation; for one platform only that manifest", async () => {
  const indexType = "application/vnd.oci.image.index.v1+json";
  const of = (architecture: string): TestImage =>
    imageOf({ layers: [typed(small(architecture, "gzip"), ociGzip)], config: { architecture }, oci: true });
  const platforms = ["amd64", "arm64"].map(of);
  const attested = layerOf(Buffer.from('{"predicateType":"x"}'), "none");
  const attestation = rewritten(
    imageOf({ layers: [{ ...attested, mediaType: "application/vnd.in-toto+json" }], oci: true }),
    (document) => document,
  );
  const name = "from/index";
  for (const [at, one] of [...platforms, attestation].entries()) await from.put(one, name, `part-${at}`);
  const entry = (one: TestImage, more: object): object => ({
    mediaType: one.manifestType,
    digest: one.manifestDigest,
    size: one.manifest.length,
    ...more,
  });
  const index = Buffer.from(
    JSON.stringify(
      {
        schemaVersion: 2,
        mediaType: indexType,
        manifests: [
          ...platforms.map((one, at) =>
            entry(one, { platform: { os: "linux", architecture: ["amd64", "arm64"][at] } }),
          ),
          entry(attestation, {
            platform: { os: "unknown", architecture: "unknown" },
            annotations: {
              "vnd.docker.reference.type": "attestation-manifest",
              "vnd.docker.reference.digest": platforms[0]?.manifestDigest,
            },
          }),
        ],
      },
      null,
      1,
    ),
  );
  const put = await from.send("PUT", `/v2/${name}/manifests/1`, { "content-type": indexType }, index);
  assert.equal(put.status, 201);
  await using here = openImages();
  await here.pull(`${from.host}/${name}:1`, { allPlatforms: true });
  await using target = await startRegistry();
  here.images.tag(`${from.host}/${name}:1`, `${target.host}/to/index`, "1");
  await push(here, `${target.host}/to/index:1`);
  const answer = await target.send("GET", "/v2/to/index/manifests/1", { accept: indexType });
  assert.deepEqual(answer.body, index);
  for (const one of [...platforms, attestation]) {
    const found = await target.send("GET", `/v2/to/index/manifests/${one.manifestDigest}`, { accept });
    assert.deepEqual(found.body, one.manifest);
    for (const { digest, blob } of one.layers)
      assert.deepEqual((await target.send("GET", `/v2/to/index/blobs/${digest}`)).body, blob);
  }
  here.images.tag(`${from.host}/${name}:1`, `${target.host}/to/one`, "1");
  const told: ProgressMessage[] = [];
  const platform = { os: "linux", architecture: "arm64" };
  await here.images.push(`${target.host}/to/one:1`, { platform }, (message) => told.push(message));
  const [, arm] = platforms;
  assert.deepEqual(
    (await target.send("GET", "/v2/to/one/manifests/1", { accept: `${accept}, ${indexType}` })).body,
    arm?.manifest,
  );
});

test("uploads that failed mounts began are not left in the registry when no way gives the bytes", async () => {
  const image = images["oci-gzip"] ?? assert.fail();
  await using registry = await startRegistry();
  await using here = openImages();
  const names = ["gone/one", "gone/two"];
  for (const name of names) {
    await registry.put(image, name, "1");
    await here.pull(`${registry.host}/${name}:1`);
  }
  for (const name of names)
    for (const { digest } of image.layers)
      assert.equal((await registry.send("DELETE", `/v2/${name}/blobs/${digest}`)).status, 202);
  here.images.tag(image.id, `${registry.host}/to/mounts`, "1");
  const told = await push(here, `${registry.host}/to/mounts:1`);
  assert.ok(told.some(({ status }) => /compressed anew/.test(status ?? "")));
  assert.deepEqual(readdirSync(join(registry.root, "data/uploads")), []);
});
