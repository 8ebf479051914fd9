import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { busyboxLayer, digestOf, dockerArchive, imageOf, layerOf, oddLayer } from "../../support/image.ts";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import type { ProgressMessage } from "../../../src/wire/engine/progress.ts";

let registry: TestRegistry;
let secret: TestRegistry;
before(async () => {
  [registry, secret] = await Promise.all([startRegistry(), startRegistry({ password: true, server: "docker" })]);
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await secret?.[Symbol.asyncDispose]();
});

const image = imageOf({ layers: [busyboxLayer(), oddLayer(), layerOf([{ name: "x", content: "y" }])] });

const load = (here: TestImages, tags: string[]): Promise<void> =>
  here.images.load(Readable.from([dockerArchive([{ image, tags }])]), {}, () => undefined);

const push = async (
  here: TestImages,
  name: string,
  options: Parameters<TestImages["images"]["push"]>[1] = {},
): Promise<ProgressMessage[]> => {
  const told: ProgressMessage[] = [];
  await here.images.push(name, options, (message) => told.push(message));
  return told;
};

test("a pushed image comes back with the same id, from layers that were rebuilt and compressed", async () => {
  await using here = openImages();
  const name = `${registry.host}/team/pushed`;
  await load(here, [`${name}:1`, `${name}:2`]);
  const told = await push(here, `${name}:1`);
  assert.deepEqual(told[0], { status: `The push refers to repository [${name}]` });
  const ids = image.layers.map(({ diffId }) => diffId.slice(7, 19));
  assert.deepEqual(
    told.slice(1, 4),
    [...ids].reverse().map((id) => ({ status: "Preparing", progressDetail: {}, id })),
  );
  for (const id of ids) assert.ok(told.some((message) => message.id === id && message.status === "Pushed"));
  const answer = await registry.send("GET", "/v2/team/pushed/manifests/1", {
    accept: "application/vnd.docker.distribution.manifest.v2+json",
  });
  const digest = digestOf(answer.body);
  assert.deepEqual(told.slice(-2), [
    { status: `1: digest: ${digest} size: ${answer.body.length}` },
    { progressDetail: {}, aux: { Tag: "1", Digest: digest, Size: answer.body.length } },
  ]);
  const manifest = JSON.parse(answer.body.toString()) as { layers: { digest: string }[]; config: { digest: string } };
  assert.equal(manifest.config.digest, image.id);
  for (const [index, layer] of manifest.layers.entries()) {
    const blob = await registry.send("GET", `/v2/team/pushed/blobs/${layer.digest}`);
    assert.deepEqual(gunzipSync(blob.body), image.layers[index]?.tar);
  }
  assert.deepEqual(here.images.get(image.id).repoDigests, [`${name}@${digest}`]);
  assert.equal(here.events.at(-1)?.Action, "push");

  const again = await push(here, name);
  assert.equal(again.filter(({ status }) => status === "Layer already exists").length, 6);
  assert.ok(!again.some(({ status }) => status === "Pushed"));

  here.images.tag(image.id, `${registry.host}/team/mounted`, "1");
  const mounted = await push(here, `${registry.host}/team/mounted:1`);
  assert.equal(mounted.filter(({ status }) => status === "Mounted from team/pushed").length, 3);

  await using there = openImages();
  await there.pull(`${registry.host}/team/mounted:1`);
  assert.equal(there.images.get(`${registry.host}/team/mounted:1`).id, image.id);
});

test("an image that is removed while it is pushed is pushed whole, and goes after that", async () => {
  await using here = openImages();
  const name = `${registry.host}/team/removed:1`;
  await load(here, [name]);
  const pushing = push(here, name);
  await here.images.remove(name, { force: false, prune: true });
  await pushing;
  assert.deepEqual(here.layers.all(), []);
  assert.deepEqual(here.blobs.list(), []);
  await here.pull(name);
  assert.equal(here.images.get(name).id, image.id);
});

test("what is not here cannot be pushed", async () => {
  await using here = openImages();
  await load(here, ["here:1"]);
  const cases: [string, string][] = [
    ["nope:1", "An image does not exist locally with the tag: nope"],
    ["here:2", "tag does not exist: here:2"],
    ["127.0.0.1:1/x", "An image does not exist locally with the tag: 127.0.0.1:1/x"],
  ];
  for (const [name, message] of cases) await assert.rejects(push(here, name), { message });
});

test("a registry with a password", async () => {
  await using here = openImages();
  const name = `${secret.host}/team/pushed:1`;
  await load(here, [name]);
  await assert.rejects(push(here, name), { message: /no basic auth credentials$/ });
  await push(here, name, { auth: { username: registryUser, password: registryPassword } });
});

test("a registry that is not there", async () => {
  await using here = openImages();
  await load(here, ["127.0.0.1:1/x:1"]);
  await assert.rejects(push(here, "127.0.0.1:1/x:1"), {
    kind: "system",
    message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  });
});
