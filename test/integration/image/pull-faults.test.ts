import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { digestOf, imageOf, layerOf } from "../../support/image.ts";
import type { TestImage } from "../../support/image.ts";
import { LyingRegistry as Registry, flipped } from "../../support/lying-registry.ts";
import type { Spoil } from "../../support/lying-registry.ts";

const image = imageOf({
  layers: [
    layerOf([{ name: "base", content: Buffer.alloc(200_000, "abc") }], "none"),
    layerOf([{ name: "top", content: Buffer.alloc(400_000, "defg") }], "none"),
  ],
});

/** Serves this file's image unless the test has another. */
class LyingRegistry extends Registry {
  constructor(spoil: Partial<Spoil>) {
    super({ image, ...spoil });
  }
}

const assertEmpty = (here: TestImages): void => {
  assert.deepEqual(here.images.list({ all: true }), []);
  assert.deepEqual(here.blobs.list(), []);
  assert.deepEqual(here.layers.all(), []);
  assert.deepEqual(here.events, []);
};

/** This file's image, its manifest saying something else of the configuration. */
const withConfig = (said: { mediaType?: string; size?: number }): TestImage => {
  const manifest = JSON.parse(image.manifest.toString()) as { config: object };
  const bytes = Buffer.from(JSON.stringify({ ...manifest, config: { ...manifest.config, ...said } }));
  return { ...image, manifest: bytes, manifestDigest: digestOf(bytes) };
};

/** Answers with bytes until the client has enough. */
const endless = (response: ServerResponse): true => {
  const more = (): void => {
    while (!response.destroyed) if (!response.write(Buffer.alloc(65_536))) return void response.once("drain", more);
  };
  more();
  return true;
};

const top = image.layers[1]?.digest ?? "";
const refused: [string, Partial<Spoil>, RegExp][] = [
  [
    "one bit of a layer's blob",
    { bytes: (name, bytes) => (name === top ? flipped(bytes, 300_000) : bytes) },
    new RegExp(`^filesystem layer verification failed for digest ${top}$`),
  ],
  [
    "one bit of the manifest",
    { bytes: (name, bytes) => (name === image.manifestDigest ? flipped(bytes, 40) : bytes) },
    /^manifest verification failed for digest sha256:/,
  ],
  [
    "a layer of another diffID, its blob right",
    {
      image: imageOf({
        layers: image.layers,
        config: { rootfs: { type: "layers", diff_ids: [image.layers[0]?.diffId, digestOf(Buffer.from("other"))] } },
      }),
    },
    /^layers from manifest don't match image configuration$/,
  ],
  [
    "fewer diffIDs than layers",
    {
      image: imageOf({
        layers: image.layers,
        config: { history: [], rootfs: { diff_ids: [image.layers[0]?.diffId] } },
      }),
    },
    /^layers from manifest don't match image configuration$/,
  ],
  [
    "a config without rootfs",
    { image: imageOf({ layers: [], config: { rootfs: undefined } }) },
    /^invalid rootfs in image configuration$/,
  ],
  [
    "a layer that is no archive",
    { image: imageOf({ layers: [layerOf(Buffer.alloc(2048, "no tar"))] }) },
    /^failed to register layer: /,
  ],
  [
    "another operating system",
    { image: imageOf({ layers: [], config: { os: "windows" } }) },
    /^image operating system "windows" cannot be used on this platform: operating system is not supported$/,
  ],
  [
    "a blob that goes on for ever",
    { answer: (name, _, response) => name === top && endless(response) },
    /longer than its manifest says/,
  ],
  [
    "a missing blob",
    { answer: (name, _, response) => name === top && (response.writeHead(404).end(), true) },
    /unknown/,
  ],
  [
    "a plug-in",
    { image: withConfig({ mediaType: "application/vnd.docker.plugin.v1+json" }) },
    /^Encountered remote "application\/vnd\.docker\.plugin\.v1\+json"\(plugin\) when fetching$/,
  ],
];

const badConfigs: [string, Partial<Spoil>, { kind: string; message: RegExp }][] = [
  [
    "one bit is another",
    { bytes: (name, bytes) => (name === image.id ? flipped(bytes, 20) : bytes) },
    { kind: "system", message: /^image config verification failed for digest sha256:/ },
  ],
  [
    "larger than is read, as its manifest says",
    { image: withConfig({ size: 2 ** 30 }) },
    { kind: "invalid-parameter", message: /^image config is larger than 4194304 bytes$/ },
  ],
  [
    "endless, its manifest saying nothing",
    { image: withConfig({ size: 0 }), answer: (name, _, response) => name === image.id && endless(response) },
    { kind: "invalid-parameter", message: /^image config is larger than 4194304 bytes$/ },
  ],
];

for (const [what, spoil, refusal] of badConfigs)
  test(`a configuration is refused by a pull and by a look into the registry alike: ${what}`, async () => {
    await using registry = await new LyingRegistry(spoil).listen();
    await using here = openImages();
    await assert.rejects(here.pull(registry.name), refusal);
    await assert.rejects(here.images.distribution(registry.name, undefined), refusal);
    assertEmpty(here);
  });

for (const [what, spoil, message] of refused)
  test(`refused, and nothing stays: ${what}`, async () => {
    await using registry = await new LyingRegistry(spoil).listen();
    await using here = openImages();
    await assert.rejects(here.pull(registry.name), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
    assertEmpty(here);
  });

test("a blob that is always cut off is given up; what came can be gone on with until it is pruned", async () => {
  const answer: Spoil["answer"] = (name, _, response) => {
    if (name !== top) return false;
    response.writeHead(200, { "content-length": 1_000 });
    response.write(Buffer.alloc(500), () => response.destroy());
    return true;
  };
  await using registry = await new LyingRegistry({ answer }).listen();
  await using here = openImages();
  await assert.rejects(here.pull(registry.name), {
    message: /^Get "http:\/\/127\.0\.0\.1:\d+\/v2\/a\/b\/blobs\/sha256:[0-9a-f]+": /,
  });
  assert.deepEqual(here.images.list({ all: true }), []);
  assert.ok(here.blobs.list().includes(image.id));
  await here.images.prune();
  assert.deepEqual(here.blobs.list(), []);
  assert.deepEqual(here.layers.all(), []);
});

test("a connection that is cut in a blob is taken up again", async () => {
  let cuts = 0;
  const answer: Spoil["answer"] = (name, _, response) => {
    if (name !== top || cuts++ > 0) return false;
    const blob = image.layers[1]?.blob ?? Buffer.alloc(0);
    response.writeHead(200, { "content-length": blob.length });
    response.write(blob.subarray(0, 100_000), () => response.destroy());
    return true;
  };
  await using registry = await new LyingRegistry({ answer }).listen();
  await using here = openImages();
  const told = await here.pull(registry.name);
  assert.ok(told.some(({ status }) => status?.startsWith("Retrying in ")));
  assert.equal(here.images.get(registry.name).id, image.id);
});

test("a client that leaves ends its pull; another pull of the same image goes on", async () => {
  const gate = Promise.withResolvers<void>();
  const answer: Spoil["answer"] = (name, _, response) => {
    if (name !== top) return false;
    const blob = image.layers[1]?.blob ?? Buffer.alloc(0);
    response.writeHead(200, { "content-length": blob.length });
    response.write(blob.subarray(0, 1000));
    void gate.promise.then(() => response.end(blob.subarray(1000)));
    return true;
  };
  await using registry = await new LyingRegistry({ answer }).listen();
  await using here = openImages();
  const abort = new AbortController();
  const begun = Promise.withResolvers<void>();
  const tell = ({ status }: { status?: string }): void => void (status === "Downloading" && begun.resolve());
  const leaving = here.images.pull(registry.name, { signal: abort.signal }, tell);
  await begun.promise;
  const staying = here.pull(registry.name);
  await new Promise((resolve) => setTimeout(resolve, 50));
  abort.abort(new Error("client left"));
  await assert.rejects(leaving, { kind: "system", message: "context canceled" });
  gate.resolve();
  await staying;
  assert.equal(here.images.get(registry.name).id, image.id);
});

test("a client that leaves alone leaves nothing", async () => {
  const answer: Spoil["answer"] = (name, _, response) => {
    if (name !== top) return false;
    response.writeHead(200, { "content-length": 400_000 });
    response.write(Buffer.alloc(1000));
    return true;
  };
  await using registry = await new LyingRegistry({ answer }).listen();
  await using here = openImages();
  const abort = new AbortController();
  const pulling = here.images.pull(registry.name, { signal: abort.signal }, ({ status }) => {
    if (status === "Downloading") abort.abort(new Error("client left"));
  });
  await assert.rejects(pulling, { message: "context canceled" });
  assertEmpty(here);
});

test("a manifest that names another image's config as a layer takes nothing from that image", async () => {
  await using here = openImages();
  await using good = await new LyingRegistry({}).listen();
  await here.pull(good.name);
  const config = {
    tar: image.config,
    diffId: image.layers[0]?.diffId ?? "",
    blob: image.config,
    digest: image.id,
    mediaType: "application/vnd.oci.image.layer.v1.tar",
  };
  const bad = imageOf({ layers: [config], config: { rootfs: { diff_ids: [digestOf(Buffer.from("new"))] } } });
  await using registry = await new LyingRegistry({ image: bad }).listen();
  await assert.rejects(here.pull(registry.name), { message: /^failed to register layer: / });
  assert.deepEqual(await here.blobs.read(image.id), image.config);
});
