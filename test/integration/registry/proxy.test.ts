import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "../../support/image.ts";
import { registryPassword, registryUser, startRegistry } from "../../support/registry.ts";
import {
  emptyConfig,
  expectFault,
  expectStatus,
  indexOf,
  jsonOf,
  manifestOf,
  ociIndex,
  ociManifest,
  pushManifest,
  putManifest,
} from "../../support/distribution.ts";

const accept = { accept: ociManifest };

/** Stands between a cache and its upstream: counts, slows and spoils. */
class Middle implements AsyncDisposable {
  readonly seen: string[] = [];
  /** Answers in place of the upstream; true when it did. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #upstream: string;
  readonly #server = createServer((incoming, response) => {
    this.seen.push(`${incoming.method} ${incoming.url}`);
    if (this.answer(incoming, response)) return;
    const target = `http://${this.#upstream}${incoming.url}`;
    const passed = request(target, { method: incoming.method, headers: incoming.headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    incoming.pipe(passed);
  });

  constructor(upstream: string) {
    this.#upstream = upstream;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  count(start: string): number {
    return this.seen.filter((line) => line.startsWith(start)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

test("a cache gives what its upstream has, asks once for each blob, and serves when it is away", async () => {
  await using upstream = await startRegistry({ server: "docker" });
  const layer = randomBytes(3_000_000);
  const digest = await pushManifest(upstream, "team/app", "v1", { layers: [layer] });
  await using middle = new Middle(upstream.host);
  const remoteurl = `http://${await middle.listen()}`;
  await using cache = await startRegistry({ config: { proxy: { remoteurl } } });

  expectStatus(await cache.send("HEAD", "/v2/team/app/manifests/v1", accept), 200);
  const manifest = expectStatus(await cache.send("GET", "/v2/team/app/manifests/v1", accept), 200);
  assert.equal(manifest.headers["docker-content-digest"], digest);
  assert.equal(digestOf(manifest.body), digest);
  const path = `/v2/team/app/blobs/${digestOf(layer)}`;
  const answers = await Promise.all(Array.from({ length: 6 }, () => cache.send("GET", path)));
  for (const answer of answers) assert.ok(expectStatus(answer, 200).body.equals(layer));
  const part = expectStatus(await cache.send("GET", path, { range: "bytes=1000-1999" }), 206);
  assert.deepEqual(part.body, layer.subarray(1000, 2000));
  assert.equal(middle.count(`GET ${path}`), 1);
  expectStatus(await cache.send("GET", `/v2/team/app/blobs/${digestOf(emptyConfig)}`), 200);
  assert.deepEqual(jsonOf(await cache.send("GET", "/v2/team/app/tags/list")), { name: "team/app", tags: ["v1"] });
  expectFault(await cache.send("GET", "/v2/team/app/manifests/none", accept), 404, "MANIFEST_UNKNOWN");
  expectFault(await cache.send("GET", `/v2/team/app/blobs/${digestOf(Buffer.from("x"))}`), 404, "BLOB_UNKNOWN");
  expectFault(await cache.send("POST", "/v2/team/app/blobs/uploads/"), 405, "UNSUPPORTED");

  // A moved tag is seen at once.
  const moved = await pushManifest(upstream, "team/app", "v1", { layers: [layer], annotations: { moved: "1" } });
  const fresh = await cache.send("GET", "/v2/team/app/manifests/v1", accept);
  assert.equal(fresh.headers["docker-content-digest"], moved);

  await upstream.kill("SIGKILL");
  await middle[Symbol.asyncDispose]();
  for (const reference of ["v1", moved, digest]) {
    expectStatus(await cache.send("GET", `/v2/team/app/manifests/${reference}`, accept), 200);
  }
  assert.ok((await cache.send("GET", path)).body.equals(layer));
  assert.deepEqual(jsonOf(await cache.send("GET", "/v2/team/app/tags/list")), { name: "team/app", tags: ["v1"] });
  expectFault(await cache.send("GET", "/v2/team/other/manifests/v1", accept), 503, "UNAVAILABLE");
  // And after a restart.
  await cache.kill("SIGTERM");
  await using again = await startRegistry({ root: cache.root, keepRoot: true, config: { proxy: { remoteurl } } });
  expectStatus(await again.send("GET", "/v2/team/app/manifests/v1", accept), 200);
  assert.ok((await again.send("GET", path)).body.equals(layer));
});

test("a cache lists the referrers that its upstream has, or the tag for them, or what it kept", async () => {
  for (const server of ["berth", "docker"] as const) {
    await using upstream = await startRegistry({ server });
    const signed = await pushManifest(upstream, "sign/app", "v1", { layers: [] });
    const subject = { mediaType: ociManifest, digest: signed, size: 1 };
    const bytes = manifestOf({ subject, artifactType: "application/signature" });
    expectStatus(await putManifest(upstream, "sign/app", digestOf(bytes), bytes), 201);
    const entry = {
      mediaType: ociManifest,
      digest: digestOf(bytes),
      size: bytes.length,
      artifactType: "application/signature",
    };
    if (server === "docker") {
      const list = indexOf([], { manifests: [entry] });
      expectStatus(await putManifest(upstream, "sign/app", signed.replace(":", "-"), list, ociIndex), 201);
    }
    await using cache = await startRegistry({ config: { proxy: { remoteurl: `http://${upstream.host}` } } });
    const list = async (query: string): Promise<unknown[]> =>
      jsonOf<{ manifests: unknown[] }>(await cache.send("GET", `/v2/sign/app/referrers/${signed}${query}`)).manifests;
    assert.deepEqual(await list(""), [entry], server);
    assert.deepEqual(await list("?artifactType=application/signature"), [entry]);
    assert.deepEqual(await list("?artifactType=application/other"), []);
    const nobody = `/v2/sign/app/referrers/${digestOf(bytes)}`;
    assert.deepEqual(jsonOf<{ manifests: unknown[] }>(await cache.send("GET", nobody)).manifests, []);
    expectStatus(await cache.send("GET", `/v2/sign/app/manifests/${digestOf(bytes)}`, accept), 200);
    await upstream.kill("SIGKILL");
    assert.deepEqual(await list(""), [entry]);
  }
});

test("several upstreams by ns, each with its own names and credentials", async () => {
  await using one = await startRegistry();
  await using two = await startRegistry({ password: true });
  const [ofOne, ofTwo] = [randomBytes(1000), randomBytes(1000)];
  const first = await pushManifest(one, "lib/same", "t", { layers: [ofOne] });
  const second = await pushManifest(two, "lib/same", "t", { layers: [ofTwo] });
  const upstreams = [
    { remoteurl: `http://${one.host}` },
    { namespace: "two.test", remoteurl: `http://${two.host}`, username: registryUser, password: registryPassword },
  ];
  await using cache = await startRegistry({ config: { proxy: { upstreams } } });
  const get = (path: string) => cache.send("GET", `/v2/lib/same/${path}`, accept);
  assert.equal((await get("manifests/t")).headers["docker-content-digest"], first);
  assert.equal((await get("manifests/t?ns=two.test")).headers["docker-content-digest"], second);
  expectFault(await get("manifests/t?ns=three.test"), 404, "NAME_UNKNOWN");
  assert.ok((await get(`blobs/${digestOf(ofTwo)}?ns=two.test`)).body.equals(ofTwo));
  // What one upstream has is not given to those who ask the other for it.
  expectFault(await get(`blobs/${digestOf(ofTwo)}`), 404, "BLOB_UNKNOWN");
  expectFault(await get(`manifests/${second}`), 404, "MANIFEST_UNKNOWN");
  const wrong = [{ remoteurl: `http://${two.host}`, username: registryUser, password: "wrong" }];
  await using locked = await startRegistry({ config: { proxy: { upstreams: wrong } } });
  const refused = await locked.send("GET", "/v2/lib/same/manifests/t", accept);
  assert.ok(refused.status >= 400);
});

test("a client gets a blob while it is fetched, and never the whole of a wrong one", async () => {
  await using upstream = await startRegistry();
  const layer = randomBytes(6_000_000);
  await pushManifest(upstream, "slow/app", "t", { layers: [layer] });
  await using middle = new Middle(upstream.host);
  await using cache = await startRegistry({ config: { proxy: { remoteurl: `http://${await middle.listen()}` } } });
  const blob = `/v2/slow/app/blobs/${digestOf(layer)}`;
  let finish: () => void = () => undefined;
  middle.answer = (incoming, response) => {
    if (incoming.method !== "GET" || incoming.url !== blob) return false;
    response.writeHead(200, { "content-length": layer.length });
    response.write(layer.subarray(0, 4_000_000));
    finish = () => response.end(layer.subarray(4_000_000));
    return true;
  };
  const hash = createHash("sha256");
  let received = 0;
  const done = new Promise<void>((resolve, reject) => {
    request(`http://${cache.host}${blob}`, { agent: false }, (answer) => {
      answer.on("data", (chunk: Buffer) => {
        received += chunk.length;
        hash.update(chunk);
      });
      answer.on("end", resolve);
      answer.on("error", reject);
    })
      .on("error", reject)
      .end();
  });
  for (let tries = 0; received < 3_000_000 && tries < 200; tries++) await sleep(25);
  assert.ok(received >= 3_000_000 && received <= 4_000_000, `${received}`);
  finish();
  await done;
  assert.equal(`sha256:${hash.digest("hex")}`, digestOf(layer));

  const other = randomBytes(2_000_000);
  await pushManifest(upstream, "slow/app", "u", { layers: [other] });
  const spoiled = Buffer.from(other);
  spoiled[1_000_000] = (spoiled[1_000_000] ?? 0) ^ 1;
  middle.answer = (incoming, response) => {
    if (incoming.method !== "GET" || !incoming.url?.includes(digestOf(other))) return false;
    response.writeHead(200, { "content-length": spoiled.length }).end(spoiled);
    return true;
  };
  await assert.rejects(cache.send("GET", `/v2/slow/app/blobs/${digestOf(other)}`));
  middle.answer = () => false;
  const answer = expectStatus(await cache.send("GET", `/v2/slow/app/blobs/${digestOf(other)}`), 200);
  assert.ok(answer.body.equals(other));
});

test("a cache that was killed while it fetched leaves nothing half", async () => {
  await using upstream = await startRegistry();
  const layer = randomBytes(3_000_000);
  await pushManifest(upstream, "cut/app", "t", { layers: [layer] });
  await using middle = new Middle(upstream.host);
  const config = { proxy: { remoteurl: `http://${await middle.listen()}` } };
  const first = await startRegistry({ keepRoot: true, config });
  try {
    const blob = `/v2/cut/app/blobs/${digestOf(layer)}`;
    middle.answer = (incoming, response) => {
      if (incoming.method !== "GET" || incoming.url !== blob) return false;
      response.writeHead(200, { "content-length": layer.length }).write(layer.subarray(0, 2_000_000));
      return true;
    };
    const uploads = join(first.root, "data/uploads");
    first.send("GET", blob).catch(() => undefined);
    const half = (): boolean => readdirSync(uploads).some((id) => statSync(join(uploads, id, "data")).size > 1_000_000);
    for (let tries = 0; !half() && tries < 200; tries++) await sleep(25);
    assert.ok(half());
    await first.kill("SIGKILL");
    middle.answer = () => false;
    await using again = await startRegistry({ root: first.root, keepRoot: true, config });
    assert.deepEqual(readdirSync(uploads), []);
    assert.ok(expectStatus(await again.send("GET", blob), 200).body.equals(layer));
  } finally {
    await first.kill("SIGKILL");
    rmSync(first.root, { recursive: true, force: true });
  }
});

test("what a cache has not been asked for in its lifetime goes with a collection", async () => {
  await using upstream = await startRegistry();
  await pushManifest(upstream, "old/app", "t", { layers: [randomBytes(1000)] });
  const config = { proxy: { remoteurl: `http://${upstream.host}`, ttl: "1s" }, gc: { interval: "500ms", grace: "0s" } };
  await using cache = await startRegistry({ config });
  expectStatus(await cache.send("GET", "/v2/old/app/manifests/t", accept), 200);
  const catalog = async (): Promise<number> =>
    jsonOf<{ repositories: string[] }>(await cache.send("GET", "/v2/_catalog")).repositories.length;
  assert.equal(await catalog(), 1);
  for (let tries = 0; (await catalog()) > 0 && tries < 200; tries++) await sleep(50);
  assert.equal(await catalog(), 0);
  const again = expectStatus(await cache.send("GET", "/v2/old/app/manifests/t", accept), 200);
  assert.equal(jsonOf<{ schemaVersion: number }>(again).schemaVersion, 2);
  assert.notEqual(again.body.length, manifestOf().length);
});
