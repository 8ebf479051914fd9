import assert from "node:assert/strict";
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
} from "../../support/distribution.ts";

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
});
after(() => registry?.[Symbol.asyncDispose]());

/** Follows the links of a list to its end. @returns its pages */
const pages = async (path: string, key: string): Promise<string[][]> => {
  const found: string[][] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const answer = expectStatus(await registry.send("GET", next), 200);
    found.push(jsonOf<Record<string, string[]>>(answer)[key] ?? []);
    next = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers["link"] ?? ""))?.[1];
    assert.ok(found.length < 100);
  }
  return found;
};

test("tags come in order, page by page", async () => {
  await pushBlob(registry, "l/tags", emptyConfig);
  const names = ["v2", "v1", "latest", "V1", "1.0", "v10", "_x", "v1-a"];
  for (const name of names) expectStatus(await putManifest(registry, "l/tags", name, manifestOf()), 201);
  const sorted = names.toSorted((a, b) => (a < b ? -1 : 1));
  assert.deepEqual(await pages("/v2/l/tags/tags/list", "tags"), [sorted]);
  assert.deepEqual(await pages("/v2/l/tags/tags/list?n=3", "tags"), [
    sorted.slice(0, 3),
    sorted.slice(3, 6),
    sorted.slice(6),
  ]);
  assert.deepEqual(await pages("/v2/l/tags/tags/list?n=8", "tags"), [sorted]);
  assert.deepEqual(await pages("/v2/l/tags/tags/list?n=0", "tags"), [[]]);
  assert.deepEqual(await pages("/v2/l/tags/tags/list?last=v1", "tags"), [sorted.filter((name) => name > "v1")]);
  assert.deepEqual(await pages("/v2/l/tags/tags/list?last=zzz", "tags"), [[]]);
  assert.deepEqual(await pages(`/v2/l/tags/tags/list?n=${2 ** 31}`, "tags"), [sorted]);
  for (const n of ["-1", "x", "1.5", "9".repeat(30)]) {
    expectFault(await registry.send("GET", `/v2/l/tags/tags/list?n=${n}`), 400, "PAGINATION_NUMBER_INVALID");
  }
  expectFault(await registry.send("GET", "/v2/l/none/tags/list"), 404, "NAME_UNKNOWN");
  for (const name of names) expectStatus(await registry.send("DELETE", `/v2/l/tags/manifests/${name}`), 202);
  assert.deepEqual(jsonOf(await registry.send("GET", "/v2/l/tags/tags/list")), { name: "l/tags", tags: [] });
});

test("the catalog names every repository, page by page", async () => {
  const names = ["c/a", "c/a/b", "c/a/b/c", "c/a-b", "c/b.c", "c/b_c", "c/z", "d"];
  for (const name of names) await pushManifest(registry, name, "t");
  const all = (await pages("/v2/_catalog?n=1000", "repositories")).flat();
  for (const name of names) assert.ok(all.includes(name), name);
  assert.equal(new Set(all).size, all.length);
  for (const n of [1, 2, 3]) {
    const found = await pages(`/v2/_catalog?n=${n}`, "repositories");
    assert.deepEqual(found.flat(), all);
    assert.ok(found.every((page) => page.length <= n));
  }
  assert.deepEqual((await pages("/v2/_catalog?last=c/a/b&n=50", "repositories")).flat().slice(0, 2), [
    "c/a/b/c",
    "c/a-b",
  ]);
  const begun = performance.now();
  assert.deepEqual((await pages(`/v2/_catalog?n=${2 ** 31}`, "repositories")).flat(), all);
  assert.ok(performance.now() - begun < 5_000);
  for (const last of ["../../../../etc", "c/../..", "_layers", "%00", "x".repeat(5000)]) {
    const answer = expectStatus(await registry.send("GET", `/v2/_catalog?n=100&last=${last}`), 200);
    for (const name of jsonOf<{ repositories: string[] }>(answer).repositories) assert.ok(all.includes(name), name);
  }
});

test("referrers are listed by their subject, and by their type", async () => {
  const subject = manifestOf({ annotations: { subject: "1" } });
  const digest = digestOf(subject);
  const at = { digest, size: subject.length, mediaType: ociManifest };
  const none = expectStatus(await registry.send("GET", `/v2/l/refer/referrers/${digest}`), 200);
  assert.deepEqual(jsonOf(none), { schemaVersion: 2, mediaType: ociIndex, manifests: [] });
  await pushBlob(registry, "l/refer", emptyConfig);
  // A signature may come before what it signs.
  const signature = manifestOf({ artifactType: "application/signature", subject: at, annotations: { by: "me" } });
  const pushed = expectStatus(await putManifest(registry, "l/refer", digestOf(signature), signature), 201);
  assert.equal(pushed.headers["oci-subject"], digest);
  const plain = manifestOf({ subject: at });
  expectStatus(await putManifest(registry, "l/refer", "plain", plain), 201);
  const index = indexOf([], { subject: at, artifactType: "application/sbom" });
  expectStatus(await putManifest(registry, "l/refer", digestOf(index), index, ociIndex), 201);
  const without = expectStatus(await putManifest(registry, "l/refer", "subject", subject), 201);
  assert.equal(without.headers["oci-subject"], undefined);
  interface Found {
    manifests: { digest: string; artifactType?: string; annotations?: Record<string, string>; size: number }[];
  }
  const list = async (query = ""): Promise<[Found, string | string[] | undefined]> => {
    const answer = expectStatus(await registry.send("GET", `/v2/l/refer/referrers/${digest}${query}`), 200);
    assert.equal(answer.headers["content-type"], ociIndex);
    return [jsonOf<Found>(answer), answer.headers["oci-filters-applied"]];
  };
  const [all, unfiltered] = await list();
  assert.equal(unfiltered, undefined);
  assert.deepEqual(
    all.manifests.map((entry) => entry.digest).toSorted(),
    [digestOf(signature), digestOf(plain), digestOf(index)].toSorted(),
  );
  assert.equal(
    all.manifests.find((entry) => entry.digest === digestOf(plain))?.artifactType,
    "application/vnd.oci.image.config.v1+json",
  );
  const [signed, filtered] = await list("?artifactType=application/signature");
  assert.equal(filtered, "artifactType");
  assert.deepEqual(signed.manifests, [
    {
      mediaType: ociManifest,
      digest: digestOf(signature),
      size: signature.length,
      artifactType: "application/signature",
      annotations: { by: "me" },
    },
  ]);
  assert.deepEqual((await list("?artifactType=application/none"))[0].manifests, []);
  expectStatus(await registry.send("DELETE", `/v2/l/refer/manifests/${digestOf(signature)}`), 202);
  assert.equal((await list())[0].manifests.length, 2);
  expectFault(await registry.send("GET", "/v2/l/refer/referrers/x"), 400, "DIGEST_INVALID");
});

test("a long list of referrers comes page by page, and large ones hide no others", async () => {
  const digest = digestOf(manifestOf({ annotations: { long: "1" } }));
  const subject = { digest, size: 1, mediaType: ociManifest };
  await pushBlob(registry, "l/long", emptyConfig);
  const pushed: string[] = [];
  for (let i = 0; i < 6; i++) {
    const artifactType = i === 0 ? "application/signature" : "application/large";
    const annotations = { i: String(i), fill: i === 0 ? "" : "x".repeat(1_500_000) };
    const bytes = manifestOf({ subject, artifactType, annotations });
    expectStatus(await putManifest(registry, "l/long", digestOf(bytes), bytes), 201);
    pushed.push(digestOf(bytes));
  }
  const path = `/v2/l/long/referrers/${digest}`;
  const digestsOf = async (query: string): Promise<string[][]> =>
    ((await pages(path + query, "manifests")) as unknown as { digest: string }[][]).map((page) =>
      page.map((entry) => entry.digest),
    );
  const all = await digestsOf("");
  assert.ok(all.length > 1);
  assert.deepEqual(all.flat(), pushed.toSorted());
  assert.deepEqual(await digestsOf("?artifactType=application/signature"), [[pushed[0]]]);
  assert.deepEqual((await digestsOf("?artifactType=application/large")).flat(), pushed.slice(1).toSorted());
});
