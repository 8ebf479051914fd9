import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { digestOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import { WebhookSink } from "../../support/webhook-sink.ts";
import {
  beginUpload,
  emptyConfig,
  expectFault,
  expectStatus,
  manifestOf,
  octets,
  ociManifest,
  pushBlob,
  pushManifest,
  putManifest,
} from "../../support/distribution.ts";

test("webhooks tell pushes, pulls, mounts and deletes in Docker's envelope, again until they are taken", async () => {
  await using sink = new WebhookSink();
  const url = await sink.listen();
  const endpoint = { name: "sink", url, headers: { Authorization: ["Bearer x"] }, timeout: "1s", backoff: "20ms" };
  const ignoring = { ...endpoint, name: "deaf", ignore: { actions: ["push", "pull", "mount", "delete"] } };
  await using registry = await startRegistry({ config: { notifications: { endpoints: [endpoint, ignoring] } } });
  sink.refuse = 3;
  const digest = await pushManifest(registry, "w/one", "tag");
  await registry.send("GET", "/v2/w/one/manifests/tag", { "user-agent": "the test" });
  const blob = digestOf(emptyConfig);
  await registry.send("HEAD", `/v2/w/one/blobs/${blob}`);
  await registry.send("POST", `/v2/w/two/blobs/uploads/?mount=${blob}&from=w/one`);
  await registry.send("DELETE", `/v2/w/one/manifests/${digest}`);
  const events = await sink.events(5);
  assert.equal(sink.refused, 3);
  assert.deepEqual(
    events.map(({ action }) => action),
    ["push", "push", "pull", "mount", "delete"],
  );
  const headers = sink.deliveries[0]?.headers;
  assert.equal(headers?.["content-type"], "application/vnd.docker.distribution.events.v1+json");
  assert.equal(headers?.authorization, "Bearer x");
  const [, pushed, pulled, mounted] = events as [unknown, ...Record<string, Record<string, unknown>>[]];
  assert.deepEqual(pushed?.["target"], {
    mediaType: ociManifest,
    size: manifestOf().length,
    length: manifestOf().length,
    digest,
    repository: "w/one",
    url: `http://${registry.host}/v2/w/one/manifests/${digest}`,
    tag: "tag",
  });
  assert.equal(pulled?.["request"]?.["useragent"], "the test");
  assert.equal(pulled?.["request"]?.["method"], "GET");
  assert.equal(mounted?.["target"]?.["fromRepository"], "w/one");
});

test("an endpoint that takes nothing costs pushes nothing, and memory little", async () => {
  await using sink = new WebhookSink();
  const url = await sink.listen();
  sink.refuse = 1e9;
  const endpoints = [{ name: "deaf", url, backoff: "50ms", timeout: "200ms" }];
  const http = { debug: { addr: "127.0.0.1:0", prometheus: { enabled: true } } };
  await using registry = await startRegistry({ config: { notifications: { endpoints }, http } });
  await pushManifest(registry, "w/deaf", "t");
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (let n = 0; n < 100; n++) await registry.send("GET", "/v2/w/deaf/manifests/t");
    }),
  );
  const metrics = await metricsOf(registry);
  assert.ok(metrics('registry_notifications_total{endpoint="deaf",outcome="dropped"}') >= 100);
});

const metricsOf = async (registry: Awaited<ReturnType<typeof startRegistry>>): Promise<(name: string) => number> => {
  const address = /metrics on (\S+?)"?$/m.exec(registry.output())?.[1];
  assert.ok(address, registry.output());
  const answer = await fetch(`http://${address}/metrics`);
  assert.equal(answer.status, 200);
  const lines = (await answer.text()).split("\n");
  return (name) =>
    Number(
      lines
        .find((line) => line.startsWith(`${name} `))
        ?.split(" ")
        .at(-1) ?? Number.NaN,
    );
};

test("metrics count requests, bytes and what is under way", async () => {
  const http = { debug: { addr: "127.0.0.1:0", prometheus: { enabled: true, path: "/metrics" } } };
  await using registry = await startRegistry({ config: { http } });
  const digest = await pushBlob(registry, "p/one", randomBytes(1000));
  await registry.send("GET", `/v2/p/one/blobs/${digest}`);
  await registry.send("GET", `/v2/p/none/blobs/${digest}`);
  await registry.send("BREW", "/v2/");
  const metrics = await metricsOf(registry);
  assert.equal(metrics('registry_http_requests_total{handler="blob",method="GET",code="200"}'), 1);
  assert.equal(metrics('registry_http_requests_total{handler="blob",method="GET",code="404"}'), 1);
  assert.equal(metrics('registry_http_requests_total{handler="upload",method="PUT",code="201"}'), 1);
  assert.equal(metrics("registry_upload_bytes_total"), 1000);
  assert.equal(metrics("registry_http_in_flight_requests"), 0);
  assert.ok(metrics("registry_http_response_size_bytes_total") > 1000);
  assert.ok(metrics("process_resident_memory_bytes") > 0);
  // The registry's own address shows nothing of it.
  assert.equal((await registry.send("GET", "/metrics")).status, 404);
});

test("a repository's quota refuses what is too much, before, while and after it comes", async () => {
  const gc = { grace: "0s", interval: "0" };
  await using registry = await startRegistry({ config: { quota: { repository: "1MB", registry: "2MB" }, gc } });
  const kept = randomBytes(600_000);
  await pushBlob(registry, "q/one", kept);
  const begun = await beginUpload(registry, "q/one");
  const told = expectFault(await registry.send("PATCH", begun, octets, randomBytes(500_000)), 403, "DENIED");
  assert.match(told.body.toString(), /quota of repository q\/one is exceeded: 400000 of 1000000 bytes are left/);
  await pushBlob(registry, "q/one", randomBytes(300_000));
  expectStatus(await registry.send("PUT", `${begun}?digest=${digestOf(emptyConfig)}`, octets, emptyConfig), 201);
  // Mounting counts for the repository, not for the registry.
  await pushBlob(registry, "q/two", randomBytes(500_000));
  const mount = await registry.send("POST", `/v2/q/two/blobs/uploads/?mount=${digestOf(kept)}&from=q/one`);
  assert.match(expectFault(mount, 403, "DENIED").body.toString(), /quota of repository q\/two/);
  const other = await registry.send("POST", `/v2/q/three/blobs/uploads/?mount=${digestOf(kept)}&from=q/one`);
  expectStatus(other, 201);
  // 1.4 MB are stored: the registry's own limit comes next.
  const location = await beginUpload(registry, "q/four");
  const last = randomBytes(700_000);
  const put = await registry.send("PUT", `${location}?digest=${digestOf(last)}`, octets, last);
  assert.match(expectFault(put, 403, "DENIED").body.toString(), /quota of registry/);
  // What is deleted and collected can be used again; it also counts anew after a restart.
  for (const repository of ["q/one", "q/three"]) {
    expectStatus(await registry.send("DELETE", `/v2/${repository}/blobs/${digestOf(kept)}`), 202);
  }
  await registry.kill("SIGTERM");
  await using again = await startRegistry({
    root: registry.root,
    keepRoot: true,
    config: { quota: { repository: "1MB", registry: "1.7MB" }, gc },
  });
  const full = await beginUpload(again, "q/four");
  const refused = await again.send("PUT", `${full}?digest=${digestOf(last)}`, octets, last);
  assert.match(expectFault(refused, 403, "DENIED").body.toString(), /quota of registry/);
  expectFault(await putManifest(again, "q/one", "t", Buffer.from("{}")), 400, "MANIFEST_INVALID");
});

test("configurations that do not fit are refused by name", async () => {
  const refused: [config: Record<string, unknown>, message: RegExp][] = [
    [{ http: { addr: "nowhere" } }, /"nowhere" is not host:port/],
    [{ storage: { delete: { enabled: "perhaps" } } }, /storage\.delete\.enabled must be true or false/],
    [{ storage: { s3: {} } }, /storage\.s3\.bucket is missing/],
    [{ storage: { azure: {} } }, /storage\.azure is not supported/],
    [{ proxy: { remoteurl: "ftp://x" } }, /no http or https URL/],
    [{ gc: { interval: "soon" } }, /gc\.interval must be a duration/],
    [{ quota: { registry: "much" } }, /quota\.registry must be a size/],
    [{ auth: { htpasswd: { realm: "x", path: "/nowhere" } } }, /\/nowhere cannot be read/],
    [{ auth: { token: { realm: "x", service: "y", issuer: "z" } } }, /rootcertbundle or jwks/],
    [{ notifications: { endpoints: [{ name: "x" }] } }, /endpoints\[0\]\.url is missing/],
  ];
  for (const [config, message] of refused) await assert.rejects(startRegistry({ config }), message);
});

test("uploads on their way count for the quota: open, cancelled, finished, after a restart", async () => {
  const config = { quota: { repository: "1MB", registry: "1.5MB" }, gc: { interval: "0" } };
  await using first = await startRegistry({ config, keepRoot: true });
  const half = randomBytes(600_000);
  const send = (registry: TestRegistry, location: string, bytes: Buffer) =>
    registry.send("PATCH", location, octets, bytes);
  const one = await beginUpload(first, "u/one");
  expectStatus(await send(first, one, half), 202);
  const two = await beginUpload(first, "u/one");
  const told = expectFault(await send(first, two, half), 403, "DENIED");
  assert.match(told.body.toString(), /quota of repository u\/one is exceeded: 400000 of 1000000 bytes are left/);
  // A body of unknown length is ended in its middle, and the upload with it.
  const unknown = await first.send("PATCH", two, { ...octets, "transfer-encoding": "chunked" }, half);
  expectFault(unknown, 403, "DENIED");
  expectFault(await first.send("DELETE", two), 404, "BLOB_UPLOAD_UNKNOWN");
  const three = await beginUpload(first, "u/two");
  expectStatus(await send(first, three, half), 202);
  const four = await beginUpload(first, "u/three");
  assert.match(expectFault(await send(first, four, half), 403, "DENIED").body.toString(), /quota of registry/);
  // What is cancelled has no room any more.
  expectStatus(await first.send("DELETE", three), 204);
  expectStatus(await send(first, four, half), 202);
  // A wrong digest ends an upload too.
  const wrong = digestOf(emptyConfig);
  expectFault(await first.send("PUT", `${four}?digest=${wrong}`, octets), 400, "DIGEST_INVALID");
  const five = await beginUpload(first, "u/three");
  expectStatus(await send(first, five, half), 202);
  await first.kill("SIGKILL");
  await using again = await startRegistry({ config, root: first.root });
  const here = (location: string): string => new URL(location).pathname;
  const six = await beginUpload(again, "u/four");
  assert.match(expectFault(await send(again, six, half), 403, "DENIED").body.toString(), /300000 of 1500000 bytes/);
  // Finished it counts once, the same blob a second time not at all.
  expectStatus(await again.send("PUT", `${here(one)}?digest=${digestOf(half)}`, octets), 201);
  expectStatus(await again.send("PUT", `${here(five)}?digest=${digestOf(half)}`, octets), 201);
  await pushBlob(again, "u/four", randomBytes(900_000));
});
