import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../digest.ts";
import { mediaType } from "../media-type.ts";
import { maxManifestBytes, parseManifest } from "./manifest.ts";

const descriptor = { mediaType: "a/b", digest: sha256("x"), size: 1 };
const manifest = { schemaVersion: 2, mediaType: mediaType.ociManifest, config: descriptor, layers: [descriptor] };
const index = { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests: [descriptor] };
const parse = (document: unknown, announced = ""): unknown =>
  parseManifest(Buffer.from(typeof document === "string" ? document : JSON.stringify(document)), announced);

test("manifests and indexes are told apart by their media type, else by their keys", () => {
  assert.deepEqual(parse(manifest), { kind: "manifest", mediaType: mediaType.ociManifest, manifest });
  assert.deepEqual(parse(index), { kind: "index", mediaType: mediaType.ociIndex, index });
  const { mediaType: _, ...untyped } = manifest;
  assert.equal((parse(untyped) as { mediaType: string }).mediaType, mediaType.ociManifest);
  assert.equal((parse(untyped, `${mediaType.ociManifest}; charset=utf-8`) as { kind: string }).kind, "manifest");
});

const hostile: [string, unknown, string?][] = [
  ["a manifest that is an index too", { ...manifest, manifests: [descriptor] }],
  ["an index that is a manifest too", { ...index, layers: [] }],
  ["an index with a config", { ...index, config: descriptor }],
  ["a media type that differs from the announced one", manifest, mediaType.dockerManifest],
  ["a Docker manifest without a media type", { ...manifest, mediaType: undefined }, mediaType.dockerManifest],
  ["schema 1", { schemaVersion: 1, fsLayers: [] }],
  ["schema 1 by its type", { ...manifest, mediaType: mediaType.dockerSignedSchema1 }],
  ["an unknown type", { ...manifest, mediaType: "text/html" }],
  ["no config", { ...manifest, config: undefined }],
  ["layers that are no list", { ...manifest, layers: { length: 1 } }],
  ["too many layers", { ...manifest, layers: new Array(5000).fill(descriptor) }],
  ["a digest that is none", { ...manifest, config: { ...descriptor, digest: "sha256:../../etc" } }],
  ["a negative size", { ...manifest, layers: [{ ...descriptor, size: -1 }] }],
  ["a size beyond numbers", { ...manifest, layers: [{ ...descriptor, size: 1e300 }] }],
  ["a size that is text", { ...manifest, layers: [{ ...descriptor, size: "1" }] }],
  ["a platform that is text", { ...index, manifests: [{ ...descriptor, platform: "linux" }] }],
  ["null", null],
  ["a list", []],
  ["not JSON", "<html>"],
  ["version 3", { ...manifest, schemaVersion: 3 }],
  ["too many bytes", " ".repeat(maxManifestBytes + 1)],
];
for (const [what, document, announced] of hostile)
  test(`refused: ${what}`, () => assert.throws(() => parse(document, announced), { name: "ContentError" }));

test("bytes that are not UTF-8 are refused", () => {
  assert.throws(() => parseManifest(Buffer.from([0x7b, 0xff, 0x7d]), ""), { name: "ContentError" });
});
