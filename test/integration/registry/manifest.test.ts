import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { digestOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import {
  emptyConfig,
  expectFault,
  expectStatus,
  indexOf,
  jsonOf,
  manifestOf,
  ociIndex,
  ociManifest,
  pushBlob,
  pushManifest,
  putManifest,
  sha512Of,
} from "../../support/distribution.ts";

const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json";

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
});
after(() => registry?.[Symbol.asyncDispose]());

const get = (path: string, headers: Record<string, string> = {}) => registry.send("GET", `/v2/${path}`, headers);

test("a manifest comes back byte for byte, by tag and by digest", async () => {
  const digest = await pushManifest(registry, "m/one", "v1", { layers: [randomBytes(100)], annotations: { a: "ä " } });
  for (const reference of ["v1", digest]) {
    for (let times = 0; times < 2; times++) {
      const answer = expectStatus(await get(`m/one/manifests/${reference}`), 200);
      assert.equal(digestOf(answer.body), digest);
      assert.equal(answer.headers["content-type"], ociManifest);
      assert.equal(answer.headers["docker-content-digest"], digest);
      const head = expectStatus(await registry.send("HEAD", `/v2/m/one/manifests/${reference}`), 200);
      assert.equal(head.headers["content-length"], String(answer.body.length));
      assert.equal(head.headers["content-type"], ociManifest);
    }
  }
  expectStatus(await get("m/one/manifests/v1", { "if-none-match": `"${digest}"` }), 304);
  expectFault(await get("m/one/manifests/v2"), 404, "MANIFEST_UNKNOWN");
  expectFault(await get(`m/other/manifests/${digest}`), 404, "MANIFEST_UNKNOWN");
});

test("a tag moves, and what it was stays by its digest", async () => {
  const first = await pushManifest(registry, "m/moves", "t", { annotations: { n: "1" } });
  assert.equal((await get("m/moves/manifests/t")).headers["docker-content-digest"], first);
  const second = await pushManifest(registry, "m/moves", "t", { annotations: { n: "2" } });
  assert.notEqual(first, second);
  assert.equal((await get("m/moves/manifests/t")).headers["docker-content-digest"], second);
  expectStatus(await get(`m/moves/manifests/${first}`), 200);
});

test("a push by digest sets the tags of its query", async () => {
  await pushBlob(registry, "m/tags", emptyConfig);
  const manifest = manifestOf({ annotations: { x: "tags" } });
  const digest = digestOf(manifest);
  const answer = expectStatus(await putManifest(registry, "m/tags", `${digest}?tag=a&tag=b`, manifest), 201);
  assert.match(String(answer.headers["oci-tag"]), /a.*b/);
  assert.deepEqual(jsonOf(await get("m/tags/tags/list")), { name: "m/tags", tags: ["a", "b"] });
  expectFault(await putManifest(registry, "m/tags", `${digest}?tag=.bad`, manifest), 400, "TAG_INVALID");
  expectFault(await putManifest(registry, "m/tags", digestOf(Buffer.from("x")), manifest), 400, "DIGEST_INVALID");
  const other = sha512Of(manifest);
  expectStatus(await putManifest(registry, "m/tags", other, manifest), 201);
  assert.deepEqual((await get(`m/tags/manifests/${other}`)).body, manifest);
});

test("what a manifest names must be there", async () => {
  const layer = randomBytes(50);
  const manifest = manifestOf({ layers: [layer] });
  const missing = expectFault(await putManifest(registry, "m/refs", "t", manifest), 400, "MANIFEST_BLOB_UNKNOWN");
  assert.match(missing.body.toString(), new RegExp(digestOf(layer)));
  await pushBlob(registry, "m/refs", emptyConfig);
  expectFault(await putManifest(registry, "m/refs", "t", manifest), 400, "MANIFEST_BLOB_UNKNOWN");
  // Another repository's blob does not count.
  await pushBlob(registry, "m/elsewhere", layer);
  expectFault(await putManifest(registry, "m/refs", "t", manifest), 400, "MANIFEST_BLOB_UNKNOWN");
  const index = indexOf([manifest]);
  expectFault(await putManifest(registry, "m/refs", "i", index, ociIndex), 400, "MANIFEST_BLOB_UNKNOWN");
  await pushBlob(registry, "m/refs", layer);
  expectStatus(await putManifest(registry, "m/refs", "t", manifest), 201);
  expectStatus(await putManifest(registry, "m/refs", "i", index, ociIndex), 201);
  expectFault(await get("m/refs/manifests/unknown"), 404, "MANIFEST_UNKNOWN");
  const foreign = JSON.parse(manifestOf().toString()) as { layers: unknown[] };
  foreign.layers = [
    {
      mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar",
      digest: digestOf(Buffer.from("elsewhere")),
      size: 9,
      urls: ["https://registry.invalid/blob"],
    },
  ];
  expectStatus(await putManifest(registry, "m/refs", "foreign", Buffer.from(JSON.stringify(foreign))), 201);
});

test("what is no manifest, or two things at once, is refused", async () => {
  await pushBlob(registry, "m/bad", emptyConfig);
  const good = JSON.parse(manifestOf().toString()) as Record<string, unknown>;
  const bad: [what: string, document: unknown, type: string][] = [
    ["both", { ...good, manifests: [] }, ociManifest],
    ["index with layers", { schemaVersion: 2, mediaType: ociIndex, manifests: [], layers: [] }, ociIndex],
    ["another type outside", good, ociIndex],
    ["another type outside", good, dockerManifest],
    ["schema 1", { schemaVersion: 1, fsLayers: [], name: "x", tag: "y", signatures: [] }, ociManifest],
    ["fsLayers", { ...good, fsLayers: [] }, ociManifest],
    ["no version", { ...good, schemaVersion: undefined }, ociManifest],
    ["no config", { ...good, config: undefined }, ociManifest],
    ["odd digest", { ...good, config: { digest: "sha256:../../x", size: 1, mediaType: "x" } }, ociManifest],
    ["odd size", { ...good, config: { digest: digestOf(emptyConfig), size: -1, mediaType: "x" } }, ociManifest],
    ["layers no list", { ...good, layers: {} }, ociManifest],
    ["unknown type", { ...good, mediaType: "application/x" }, "application/x"],
    ["a list", [], ociManifest],
    ["a string", "x", ociManifest],
  ];
  for (const [what, document, type] of bad) {
    const answer = await putManifest(registry, "m/bad", "t", Buffer.from(JSON.stringify(document)), type);
    assert.equal(answer.status, 400, what);
    expectFault(answer, 400, "MANIFEST_INVALID");
  }
  for (const text of ["", "{", "\xff\xfe"]) {
    expectFault(await putManifest(registry, "m/bad", "t", Buffer.from(text, "latin1")), 400, "MANIFEST_INVALID");
  }
  expectFault(await get("m/bad/manifests/t"), 404, "MANIFEST_UNKNOWN");
});

test("a manifest without a media type inside has the one that its shape tells", async () => {
  await pushBlob(registry, "m/plain", emptyConfig);
  const { mediaType: _, ...plain } = JSON.parse(manifestOf().toString()) as Record<string, unknown>;
  expectStatus(await putManifest(registry, "m/plain", "t", Buffer.from(JSON.stringify(plain))), 201);
  assert.equal((await get("m/plain/manifests/t")).headers["content-type"], ociManifest);
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));
  expectStatus(await putManifest(registry, "m/plain", "i", index, ociIndex), 201);
  assert.equal((await get("m/plain/manifests/i")).headers["content-type"], ociIndex);
  expectFault(await putManifest(registry, "m/plain", "x", index, dockerManifest), 400, "MANIFEST_INVALID");
});

test("clients get what they accept", async () => {
  await pushManifest(registry, "m/accept", "oci");
  expectStatus(await get("m/accept/manifests/oci", { accept: `${dockerManifest}, ${ociManifest};q=0.5` }), 200);
  expectStatus(await get("m/accept/manifests/oci", { accept: "*/*" }), 200);
  const refused = await get("m/accept/manifests/oci", { accept: dockerManifest });
  assert.match(expectFault(refused, 404, "MANIFEST_UNKNOWN").body.toString(), /accept header does not support OCI/);
  const child = { ...(JSON.parse(manifestOf().toString()) as object), mediaType: dockerManifest };
  const bytes = Buffer.from(JSON.stringify(child));
  expectStatus(await putManifest(registry, "m/accept", "amd64", bytes, dockerManifest), 201);
  const platform = { os: "linux", architecture: "amd64" };
  const entry = { mediaType: dockerManifest, digest: digestOf(bytes), size: bytes.length, platform };
  const list = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: dockerList, manifests: [entry] }));
  expectStatus(await putManifest(registry, "m/accept", "list", list, dockerList), 201);
  assert.deepEqual((await get("m/accept/manifests/list", { accept: dockerList })).body, list);
  // A client from before manifest lists gets the one that dockerd would run.
  const old = expectStatus(await get("m/accept/manifests/list", { accept: dockerManifest }), 200);
  assert.deepEqual(old.body, bytes);
  assert.equal(old.headers["docker-content-digest"], digestOf(bytes));
  const byDigest = await get(`m/accept/manifests/${digestOf(list)}`, { accept: dockerManifest });
  assert.deepEqual(expectStatus(byDigest, 200).body, list);
});

test("a manifest is deleted with its tags, a tag alone", async () => {
  const digest = await pushManifest(registry, "m/delete", "a");
  await pushManifest(registry, "m/delete", "b");
  const other = await pushManifest(registry, "m/delete", "c", { annotations: { other: "1" } });
  expectStatus(await registry.send("DELETE", "/v2/m/delete/manifests/a"), 202);
  expectFault(await get("m/delete/manifests/a"), 404, "MANIFEST_UNKNOWN");
  expectStatus(await get(`m/delete/manifests/${digest}`), 200);
  expectStatus(await get("m/delete/manifests/b"), 200);
  expectStatus(await registry.send("DELETE", `/v2/m/delete/manifests/${digest}`), 202);
  expectFault(await get("m/delete/manifests/b"), 404, "MANIFEST_UNKNOWN");
  expectFault(await get(`m/delete/manifests/${digest}`), 404, "MANIFEST_UNKNOWN");
  expectFault(await registry.send("DELETE", `/v2/m/delete/manifests/${digest}`), 404, "MANIFEST_UNKNOWN");
  expectFault(await registry.send("DELETE", "/v2/m/delete/manifests/a"), 404, "MANIFEST_UNKNOWN");
  assert.equal((await get("m/delete/manifests/c")).headers["docker-content-digest"], other);
  expectStatus(await putManifest(registry, "m/delete", "b", manifestOf()), 201);
  expectStatus(await get("m/delete/manifests/b"), 200);
});

test("deleting and pushing can be off", async () => {
  const storage = { delete: { enabled: false } };
  await using careful = await startRegistry({ config: { storage } });
  const digest = await pushManifest(careful, "m/kept", "t");
  for (const path of ["manifests/t", `manifests/${digest}`, `blobs/${digestOf(emptyConfig)}`]) {
    expectFault(await careful.send("DELETE", `/v2/m/kept/${path}`), 405, "UNSUPPORTED");
  }
  await using quiet = await startRegistry({ config: { storage: { maintenance: { readonly: { enabled: true } } } } });
  expectFault(await quiet.send("POST", "/v2/m/x/blobs/uploads/"), 405, "UNSUPPORTED");
  expectFault(await putManifest(quiet, "m/x", "t", manifestOf()), 405, "UNSUPPORTED");
  expectStatus(await quiet.send("GET", "/v2/_catalog"), 200);
});
