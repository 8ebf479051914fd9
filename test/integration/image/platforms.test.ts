// Names that stand for an index: its images by platform, its attestations, and what the verbs make of them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Filters } from "../../../src/base/filters.ts";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { digestOf, layerOf } from "../../support/image.ts";
import { attestationOf, imageFor, indexOf, putIndex } from "../../support/index-image.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const armV7 = { os: "linux", architecture: "arm", variant: "v7" };
const s390x = { os: "linux", architecture: "s390x" };
const windows = { os: "windows", architecture: "amd64" };
const host = process.arch === "arm64" ? arm64 : amd64;
const other = process.arch === "arm64" ? amd64 : arm64;

const noarch = layerOf([{ name: "shared", content: "s".repeat(50) }]);
const own = (name: string) => layerOf([{ name, content: name.repeat(10) }]);
const hostImage = imageFor(host, { layers: [noarch, own("host")] });
const otherImage = imageFor(other, { layers: [noarch, own("other")] });
const oldArm = imageFor(armV7, { layers: [noarch, own("arm")] });
const winImage = imageFor(windows, { layers: [own("win")] });
const slsa = "https://slsa.dev/provenance/v0.2";
const spdx = "https://spdx.dev/Document";
const hostAttestation = attestationOf(hostImage, [slsa, spdx]);
const made = indexOf([
  { image: otherImage, platform: other, attestation: attestationOf(otherImage, [slsa]) },
  { image: hostImage, platform: host, attestation: hostAttestation },
  { image: oldArm, platform: armV7 },
  { image: winImage, platform: windows },
]);

let registry: TestRegistry;
let name: string;
before(async () => {
  registry = await startRegistry();
  await putIndex(registry, made, "team/multi", "1");
  name = `${registry.host}/team/multi:1`;
});
after(() => registry?.[Symbol.asyncDispose]());

const soft = { force: false, prune: true };
const kinds = (here: TestImages): (string | boolean | undefined)[][] =>
  (here.images.inspect(name, { manifests: true }).Manifests ?? []).map(({ ID, Kind, Available }) => [
    ID,
    Kind,
    Available,
  ]);

test("an ordinary pull keeps the index and one platform; later pulls add to it", async () => {
  await using here = openImages();
  await here.pull(name);
  assert.equal(here.images.get(name).id, hostImage.id);
  assert.deepEqual(
    here.blobs.list().sort(),
    [made.digest, hostImage.manifestDigest, hostImage.id].sort(),
    "nothing of other platforms",
  );
  const [summary] = here.images.list({ manifests: true });
  assert.deepEqual(summary?.Descriptor, { mediaType: made.type, digest: made.digest, size: made.index.length });
  assert.equal(summary?.Size, 90);
  assert.deepEqual(
    kinds(here).map(([, kind, available]) => `${kind} ${available}`),
    ["image false", "image true", "image false", "image false", "attestation false", "attestation false"],
  );
  assert.throws(() => here.images.get(name, other), { kind: "not-found" });
  const told = await here.pull(name, { platform: other });
  assert.equal(told.at(-1)?.status, `Status: Downloaded newer image for ${name}`);
  assert.equal(here.images.get(name).id, hostImage.id, "this machine's is meant still");
  assert.equal(here.images.get(name, other).id, otherImage.id);
  assert.equal(here.images.find(`${registry.host}/team/multi@${made.digest}`)?.id, hostImage.id);
  const listed = here.images.list({ all: true });
  assert.deepEqual(
    listed.map(({ Id, Size }) => [Id, Size]),
    [[hostImage.id, 140]],
    "one image for the name, its layers counted once",
  );
  const again = await here.pull(name, { platform: other });
  assert.equal(again.at(-1)?.status, `Status: Image is up to date for ${name}`);
});

test("another platform alone is what the name means until this machine's comes", async () => {
  await using here = openImages();
  await here.pull(name, { platform: armV7 });
  assert.equal(here.images.get(name).id, oldArm.id);
  assert.equal(here.images.get(name, { ...armV7, variant: "v8" }).id, oldArm.id, "a newer variant runs it");
  assert.throws(() => here.images.get(name, { ...armV7, variant: "v6" }), { kind: "not-found" });
  here.images.tag(name, "copy", "1");
  await here.pull(name);
  assert.equal(here.images.get(name).id, hostImage.id);
  assert.equal(here.images.get("copy:1").id, hostImage.id, "as every name of the index does");
  await assert.rejects(here.pull(name, { platform: s390x }), {
    message: "no matching manifest for linux/s390x in the manifest list entries",
  });
});

test("a pull of all platforms keeps everything byte for byte", async () => {
  await using here = openImages();
  await here.pull(name, { allPlatforms: true });
  const documents = [made.index, ...made.artifacts.map(({ manifest }) => manifest)];
  documents.push(...made.images.flatMap(({ manifest, config }) => [manifest, config]));
  documents.push(...made.artifacts.flatMap(({ blobs }) => blobs));
  const kept = await Promise.all(here.blobs.list().map((digest) => here.blobs.read(digest)));
  for (const bytes of documents)
    assert.ok(
      kept.some((one) => one.equals(bytes)),
      bytes.toString("utf8"),
    );
  assert.deepEqual(kinds(here), [
    [otherImage.manifestDigest, "image", true],
    [hostImage.manifestDigest, "image", true],
    [oldArm.manifestDigest, "image", true],
    [winImage.manifestDigest, "image", true],
    ...made.artifacts.map(({ manifestDigest }) => [manifestDigest, "attestation", true]),
  ]);
  const [first, , , win, attestation] = here.images.inspect(name, { manifests: true }).Manifests ?? [];
  assert.deepEqual(first?.Descriptor, made.entries[0]);
  assert.deepEqual(first?.ImageData, { Platform: other, Containers: [], Size: { Unpacked: 100 } });
  assert.equal(first?.Size?.Content, otherImage.manifest.length + otherImage.config.length);
  assert.equal(first?.Size?.Total, (first?.Size?.Content ?? 0) + 100);
  assert.equal(
    win?.Size?.Content,
    winImage.manifest.length + winImage.config.length + (winImage.layers[0]?.blob.length ?? 0),
  );
  assert.deepEqual(attestation?.AttestationData, { For: otherImage.manifestDigest });
  assert.equal(here.images.history(name, { platform: other })[0]?.Id, otherImage.id);
  assert.equal(here.images.inspect(name, { platform: other }).Descriptor?.digest, otherImage.manifestDigest);
  assert.deepEqual(here.images.inspect(otherImage.id).RepoTags, [name]);
  assert.deepEqual(here.images.manifestOf(otherImage.id), made.entries[0]);
});

test("a tag has what its source has; a name goes with all its platforms", async () => {
  await using here = openImages();
  await here.pull(name, { allPlatforms: true });
  here.images.tag(name, "copy", "2");
  assert.equal(here.images.get("copy:2", other).id, otherImage.id);
  here.images.tag(otherImage.id, "one", "3");
  assert.equal(here.images.get("one:3").id, otherImage.id);
  assert.throws(() => here.images.get("one:3", host), { kind: "not-found" });
  assert.equal(here.images.inspect("one:3").Descriptor?.digest, otherImage.manifestDigest);
  assert.deepEqual(await here.images.remove("one:3", soft), [{ Untagged: "one:3" }]);
  const digest = `${registry.host}/team/multi@${made.digest}`;
  assert.deepEqual(await here.images.remove(name, soft), [{ Untagged: name }, { Untagged: digest }]);
  assert.equal(here.images.get("copy:2", armV7).id, oldArm.id);
  const removed = await here.images.remove("copy:2", soft);
  const deleted = removed.map(({ Deleted }) => Deleted);
  for (const { id } of [hostImage, otherImage, oldArm]) assert.ok(deleted.includes(id), id);
  assert.deepEqual([here.layers.all(), here.blobs.list()], [[], []]);
});

test("by the digest of its manifest, as the tree shows it", async () => {
  await using here = openImages();
  await here.pull(name, { allPlatforms: true });
  for (const text of [
    otherImage.manifestDigest,
    otherImage.manifestDigest.slice(7),
    otherImage.manifestDigest.slice(7, 19),
  ])
    assert.equal(here.images.find(text)?.id, otherImage.id, text);
  for (const text of [otherImage.manifestDigest.slice(7, 18), made.digest, made.artifacts[0]?.manifestDigest ?? ""])
    assert.equal(here.images.find(text), undefined, text);
  here.images.tag(otherImage.manifestDigest.slice(7, 19), "one", "1");
  assert.equal(here.images.inspect("one:1").Descriptor?.digest, otherImage.manifestDigest);
  await here.images.remove("one:1", soft);
  assert.deepEqual((await here.images.remove(otherImage.manifestDigest.slice(7, 19), soft))[0], {
    Deleted: otherImage.id,
  });
  assert.equal(here.images.get(name).id, hostImage.id);
});

test("by id: this machine's with its name and all, another platform's alone", async () => {
  await using here = openImages();
  await here.pull(name, { allPlatforms: true });
  const [only] = await here.images.remove(otherImage.id.slice(7, 19), soft);
  assert.deepEqual(only, { Deleted: otherImage.id });
  assert.deepEqual(
    kinds(here).map(([, , available]) => available),
    [false, true, true, true, false, true],
    "with its attestation",
  );
  await here.images.remove(hostImage.id, soft);
  assert.equal(here.images.find(name), undefined);
  assert.deepEqual([here.layers.all(), here.blobs.list()], [[], []]);
});

test("remove by platform: the name stays for the others, and goes with the last", async () => {
  await using here = openImages();
  await here.pull(name, { allPlatforms: true });
  await assert.rejects(here.images.remove(name, { ...soft, platforms: [s390x] }), { kind: "not-found" });
  const user = "c0ffee".padEnd(64, "0");
  here.images.users = () => new Map([[hostImage.id, { running: [], stopped: [user], mounting: [] }]]);
  await assert.rejects(here.images.remove(name, { ...soft, platforms: [host] }), {
    kind: "conflict",
    message: `conflict: unable to delete ${hostImage.id.slice(7, 19)} (must be forced) - image is being used by stopped container c0ffee000000`,
  });
  await assert.rejects(here.images.remove(name, soft), { kind: "conflict" });
  const [removed] = await here.images.remove(name, { force: true, prune: true, platforms: [host] });
  assert.deepEqual(removed, { Deleted: hostImage.id });
  assert.equal(here.images.get(name).id, otherImage.id, "the first that is left");
  assert.deepEqual(await here.images.remove(name, { ...soft, platforms: [armV7] }).then(([first]) => first), {
    Deleted: oldArm.id,
  });
  const [untagged] = await here.images.remove(name, { ...soft, platforms: [other] });
  assert.deepEqual(untagged, { Untagged: name });
  assert.deepEqual([here.layers.all(), here.blobs.list()], [[], []]);
});

test("containers of any platform keep the name; prune looks at all of them", async () => {
  await using here = openImages();
  await here.pull(name, { allPlatforms: true });
  here.images.users = () => new Map([[oldArm.id, { running: ["c0ffee"], stopped: [], mounting: [] }]]);
  assert.equal(here.images.list()[0]?.Containers, 1);
  const all = new Filters(new Map([["dangling", ["false"]]]));
  here.images.tag(name, "copy", "1");
  assert.equal((await here.images.prune(all)).ImagesDeleted, null);
  assert.equal((await here.images.prune()).ImagesDeleted, null);
  here.images.users = () => new Map();
  assert.ok(((await here.images.prune(all)).ImagesDeleted ?? []).length > 4);
  assert.deepEqual([here.layers.all(), here.blobs.list()], [[], []]);
});

test("attestations: the statements of a platform's image, verbatim when asked for", async () => {
  await using here = openImages();
  await here.pull(name, { allPlatforms: true });
  const types = async (options: Parameters<typeof here.images.attestations>[1]): Promise<string[]> =>
    (await here.images.attestations(name, options)).map(({ PredicateType }) => PredicateType);
  assert.deepEqual(await types({}), [slsa, spdx]);
  assert.deepEqual(await types({ types: [spdx] }), [spdx]);
  assert.deepEqual(await types({ types: [spdx, slsa] }), [slsa, spdx]);
  assert.deepEqual(await types({ types: ["none"] }), []);
  assert.deepEqual(await types({ platform: other }), [slsa]);
  assert.deepEqual(await types({ platform: armV7 }), []);
  await assert.rejects(types({ platform: s390x }), { kind: "not-found" });
  const [statement, plain] = await here.images.attestations(name, { statement: true, types: [slsa] });
  assert.deepEqual(statement?.Statement, JSON.parse(hostAttestation.blobs[1]?.toString("utf8") ?? ""));
  assert.equal(statement?.Descriptor.digest, digestOf(hostAttestation.blobs[1] ?? Buffer.alloc(0)));
  assert.equal(plain, undefined);
  await using fresh = openImages();
  await fresh.pull(name);
  assert.deepEqual(await fresh.images.attestations(name), [], "an ordinary pull brings none");
});
