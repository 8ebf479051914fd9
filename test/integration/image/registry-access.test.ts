import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openImages } from "../../support/engine-images.ts";
import { imageOf, layerOf } from "../../support/image.ts";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";

const image = imageOf({ layers: [layerOf([{ name: "x", content: "y" }])] });
let registry: TestRegistry;
before(async () => {
  registry = await startRegistry({ password: true });
  await registry.put(image, "team/app", "1");
});
after(() => registry?.[Symbol.asyncDispose]());

const good = { username: registryUser, password: registryPassword };

test("login: good credentials, bad ones, no registry", async () => {
  await using here = openImages();
  const { host } = registry;
  for (const serveraddress of [host, `http://${host}`, `https://${host}/v2/`])
    assert.deepEqual(await here.images.login({ ...good, serveraddress }), {
      status: "Login Succeeded",
      identityToken: "",
    });
  await assert.rejects(here.images.login({ ...good, password: "no", serveraddress: host }), {
    kind: "system",
    message: `login attempt to http://${host}/v2/ failed with status: 401 Unauthorized`,
  });
  await assert.rejects(here.images.login({ ...good, serveraddress: "127.0.0.1:1" }), {
    kind: "system",
    message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  });
});

test("distribution: what a registry holds, without taking it", async () => {
  await using here = openImages();
  const name = `${registry.host}/team/app:1`;
  assert.deepEqual(await here.images.distribution(name, good), {
    Descriptor: { mediaType: image.manifestType, digest: image.manifestDigest, size: image.manifest.length },
    Platforms: [{ architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux" }],
  });
  assert.deepEqual(here.blobs.list(), []);
  await assert.rejects(here.images.distribution(`${registry.host}/team/none:1`, good), { kind: "not-found" });
});
