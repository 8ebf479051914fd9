import assert from "node:assert/strict";
import { test } from "node:test";
import { RegistryFault } from "../fault.ts";
import { readAccept, refusal, wantsPlatform } from "./accept.ts";
import { linkHeader, readCount, takePage } from "./page.ts";
import { readContentRange, readRange } from "./range.ts";
import { readRoute } from "./route.ts";

const digest = `sha256:${"a".repeat(64)}`;

test("a path is what its last parts say", () => {
  assert.deepEqual(readRoute("/v2/"), { kind: "base" });
  assert.deepEqual(readRoute("/v2/_catalog"), { kind: "catalog" });
  assert.deepEqual(readRoute("/v2/a/tags/list"), { kind: "tags", repository: "a" });
  assert.deepEqual(readRoute("/v2/a/b/manifests/v1"), { kind: "manifest", repository: "a/b", reference: "v1" });
  assert.deepEqual(readRoute(`/v2/blobs/uploads/blobs/${digest}`), {
    kind: "blob",
    repository: "blobs/uploads",
    digest,
  });
  assert.deepEqual(readRoute("/v2/manifests/blobs/uploads/"), { kind: "uploads", repository: "manifests" });
  assert.deepEqual(readRoute("/v2/a/blobs/uploads"), { kind: "uploads", repository: "a" });
  assert.deepEqual(readRoute("/v2/a/blobs/uploads/x"), { kind: "upload", repository: "a", id: "x" });
  assert.deepEqual(readRoute("/v2/a/manifests/tags/list"), { kind: "tags", repository: "a/manifests" });
  assert.deepEqual(readRoute(`/v2/a/referrers/${digest.replace(":", "%3A")}`), {
    kind: "referrers",
    repository: "a",
    digest,
  });
  for (const path of ["/", "/v1/", "/v2/a", "/v2/a/b/c", "/v3/a/tags/list"]) assert.equal(readRoute(path), null);
  for (const path of [
    "/v2/A/tags/list",
    "/v2/../tags/list",
    "/v2//tags/list",
    "/v2/%zz/tags/list",
    "/v2/a/manifests/x:y",
  ]) {
    assert.throws(() => readRoute(path), RegistryFault, path);
  }
});

test("ranges of blobs", () => {
  assert.equal(readRange(undefined, 10), undefined);
  assert.deepEqual(readRange("bytes=0-", 10), { start: 0, end: 10 });
  assert.deepEqual(readRange("bytes=2-3", 10), { start: 2, end: 4 });
  assert.deepEqual(readRange("bytes=-3", 10), { start: 7, end: 10 });
  assert.deepEqual(readRange("bytes=-30", 10), { start: 0, end: 10 });
  assert.equal(readRange("bytes=10-", 10), null);
  assert.equal(readRange("bytes=0-", 0), null);
  for (const odd of ["bytes=3-2", "bytes=", "bytes=0-1,3-4", "items=0-1", `bytes=${"9".repeat(40)}-`]) {
    assert.equal(readRange(odd, 10), undefined, odd);
  }
});

test("ranges of chunks", () => {
  assert.equal(readContentRange(undefined), undefined);
  for (const text of ["0-9", "bytes 0-9/*", "bytes=0-9", "bytes 0-9/10"]) {
    assert.deepEqual(readContentRange(text), { start: 0, end: 10 }, text);
  }
  for (const odd of ["", "9-0", "-9", "0-", "a-b"]) assert.equal(readContentRange(odd), null, odd);
});

test("pages end where they are asked to, and lead on", async () => {
  async function* names() {
    yield* ["a", "b", "c&d"];
  }
  const page = await takePage(names(), 2);
  assert.deepEqual(page, { entries: ["a", "b"], more: true });
  assert.deepEqual(linkHeader("/p", page, 2), { link: '</p?last=b&n=2>; rel="next"' });
  const all = await takePage(names(), 3);
  assert.deepEqual(linkHeader("/p", all, 3), {});
  assert.equal(readCount(new URLSearchParams("n=5"), 7), 5);
  assert.equal(readCount(new URLSearchParams(""), 7), 7);
  assert.equal(readCount(new URLSearchParams(`n=${2 ** 31}`), 7), 10_000);
  assert.throws(() => readCount(new URLSearchParams("n=-1"), 7), RegistryFault);
});

test("what clients accept", () => {
  const oci = "application/vnd.oci.image.manifest.v1+json";
  const list = "application/vnd.docker.distribution.manifest.list.v2+json";
  const docker = "application/vnd.docker.distribution.manifest.v2+json";
  assert.equal(readAccept(undefined), null);
  assert.equal(readAccept(`${oci}, */*;q=0.1`), null);
  assert.equal(refusal(oci, readAccept(oci)), undefined);
  assert.match(refusal(oci, readAccept(docker)) ?? "", /OCI manifest found/);
  assert.equal(refusal(docker, readAccept(oci)), undefined);
  assert.ok(wantsPlatform(list, readAccept(docker)));
  assert.ok(!wantsPlatform(list, readAccept(`${docker}, ${list}`)));
});
