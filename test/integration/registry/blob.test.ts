import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import { beginUpload, expectFault, expectStatus, octets, pushBlob, sha512Of } from "../../support/distribution.ts";

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
});
after(() => registry?.[Symbol.asyncDispose]());

const blobsStored = (): string[] =>
  readdirSync(join(registry.root, "data/docker/registry/v2/blobs"), { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith("/data"),
  );

test("the base answers with the API's version", async () => {
  const answer = expectStatus(await registry.send("GET", "/v2/"), 200);
  assert.equal(answer.headers["docker-distribution-api-version"], "registry/2.0");
  assert.equal(answer.body.toString("utf8").trim(), "{}");
  expectStatus(await registry.send("GET", "/other"), 404);
  expectFault(await registry.send("POST", "/v2/"), 405, "UNSUPPORTED");
});

test("a blob that was pushed by POST and PUT comes back, whole and in parts", async () => {
  const bytes = randomBytes(300_000);
  const digest = await pushBlob(registry, "blob/one", bytes);
  const path = `/v2/blob/one/blobs/${digest}`;
  const whole = expectStatus(await registry.send("GET", path), 200);
  assert.deepEqual(whole.body, bytes);
  assert.equal(whole.headers["docker-content-digest"], digest);
  assert.equal(whole.headers["accept-ranges"], "bytes");
  const head = expectStatus(await registry.send("HEAD", path), 200);
  assert.equal(head.headers["content-length"], "300000");
  assert.equal(head.body.length, 0);
  const parts: [range: string, start: number, end: number][] = [
    ["bytes=0-0", 0, 1],
    ["bytes=1000-1999", 1000, 2000],
    ["bytes=299999-", 299_999, 300_000],
    ["bytes=-500", 299_500, 300_000],
    ["bytes=299000-999999", 299_000, 300_000],
  ];
  for (const [range, start, end] of parts) {
    const part = expectStatus(await registry.send("GET", path, { range }), 206);
    assert.deepEqual(part.body, bytes.subarray(start, end));
    assert.equal(part.headers["content-range"], `bytes ${start}-${end - 1}/300000`);
  }
  for (const range of ["bytes=300000-", "bytes=400000-500000", "bytes=-0"]) {
    const refused = expectFault(await registry.send("GET", path, { range }), 416, "RANGE_INVALID");
    assert.equal(refused.headers["content-range"], "bytes */300000");
  }
  for (const range of ["bytes=5-1", "lines=1-2", "bytes=a-b", "bytes=-"]) {
    assert.equal(expectStatus(await registry.send("GET", path, { range }), 200).body.length, 300_000);
  }
  expectStatus(await registry.send("GET", path, { "if-none-match": `"${digest}"` }), 304);
  expectStatus(await registry.send("GET", path, { range: "bytes=0-9", "if-range": '"other"' }), 200);
});

test("a blob that a repository has not is unknown there, also when another has it", async () => {
  const digest = await pushBlob(registry, "blob/here", randomBytes(100));
  expectFault(await registry.send("GET", `/v2/blob/there/blobs/${digest}`), 404, "BLOB_UNKNOWN");
  expectStatus(await registry.send("HEAD", `/v2/blob/there/blobs/${digest}`), 404);
  expectFault(await registry.send("GET", "/v2/blob/here/blobs/sha256:12"), 400, "DIGEST_INVALID");
});

test("one POST with the digest and the body is enough", async () => {
  const bytes = randomBytes(5000);
  const path = `/v2/blob/post/blobs/uploads/?digest=${digestOf(bytes)}`;
  const answer = expectStatus(await registry.send("POST", path, octets, bytes), 201);
  assert.equal(new URL(String(answer.headers["location"])).pathname, `/v2/blob/post/blobs/${digestOf(bytes)}`);
  const wrong = `/v2/blob/post/blobs/uploads/?digest=${digestOf(Buffer.from("x"))}`;
  expectFault(await registry.send("POST", wrong, octets, bytes), 400, "DIGEST_INVALID");
  expectFault(
    await registry.send("POST", "/v2/blob/post/blobs/uploads/?digest=md5:x", octets, bytes),
    400,
    "DIGEST_INVALID",
  );
});

test("chunks come in their order, and gaps are refused with what is there", async () => {
  const bytes = randomBytes(900_000);
  const location = await beginUpload(registry, "blob/chunks");
  const patch = (start: number, end: number) =>
    registry.send("PATCH", location, { ...octets, "content-range": `${start}-${end - 1}` }, bytes.subarray(start, end));
  const first = expectStatus(await patch(0, 100_000), 202);
  assert.equal(first.headers["range"], "0-99999");
  for (const [start, end] of [
    [200_000, 300_000],
    [0, 100_000],
    [99_999, 200_000],
  ] as const) {
    const refused = expectFault(await patch(start, end), 416, "RANGE_INVALID");
    assert.equal(refused.headers["range"], "0-99999");
    assert.equal(String(refused.headers["location"]), location);
  }
  expectFault(await registry.send("PATCH", location, { "content-range": "x" }, bytes), 416, "RANGE_INVALID");
  const lying = { ...octets, "content-range": "100000-100009" };
  expectFault(await registry.send("PATCH", location, lying, bytes.subarray(0, 20)), 416, "RANGE_INVALID");
  const chunked = { ...lying, "transfer-encoding": "chunked" };
  expectFault(await registry.send("PATCH", location, chunked, bytes.subarray(0, 20)), 400, "SIZE_INVALID");
  const state = expectStatus(await registry.send("GET", location), 204);
  assert.equal(state.headers["range"], "0-99999");
  expectStatus(await patch(100_000, 700_000), 202);
  // Without a range it goes to the end.
  expectStatus(await registry.send("PATCH", location, octets, bytes.subarray(700_000, 800_000)), 202);
  const last = { ...octets, "content-range": "800000-899999" };
  const final = `${location}?digest=${digestOf(bytes)}`;
  expectStatus(await registry.send("PUT", final, last, bytes.subarray(800_000)), 201);
  assert.deepEqual((await registry.send("GET", `/v2/blob/chunks/blobs/${digestOf(bytes)}`)).body, bytes);
  expectFault(await registry.send("GET", location), 404, "BLOB_UPLOAD_UNKNOWN");
});

test("an upload belongs to its repository and ends when it is deleted", async () => {
  const location = await beginUpload(registry, "blob/mine");
  const id = location.slice(location.lastIndexOf("/") + 1);
  expectFault(
    await registry.send("PATCH", `/v2/blob/other/blobs/uploads/${id}`, octets, Buffer.from("x")),
    404,
    "BLOB_UPLOAD_UNKNOWN",
  );
  expectFault(await registry.send("PUT", location, octets, Buffer.from("x")), 400, "DIGEST_INVALID");
  expectStatus(await registry.send("DELETE", location), 204);
  expectFault(await registry.send("PATCH", location, octets, Buffer.from("x")), 404, "BLOB_UPLOAD_UNKNOWN");
  for (const odd of ["..", "%2e%2e", "x", `${id}x`, "0".repeat(5000)]) {
    const answer = await registry.send("GET", `/v2/blob/mine/blobs/uploads/${odd}`);
    assert.ok(answer.status >= 400 && answer.status < 500, odd);
  }
});

test("content of another digest is refused, and not kept", async () => {
  const bytes = randomBytes(700_000);
  const before = blobsStored().length;
  for (const wrong of [digestOf(Buffer.from("a")), sha512Of(Buffer.from("a"))]) {
    const location = await beginUpload(registry, "blob/wrong");
    const put = await registry.send("PUT", `${location}?digest=${wrong}`, octets, bytes);
    expectFault(put, 400, "DIGEST_INVALID");
    expectStatus(await registry.send("HEAD", `/v2/blob/wrong/blobs/${wrong}`), 404);
  }
  assert.equal(blobsStored().length, before);
});

test("sha512 is taken: announced, or only named at the end; small and large", async () => {
  for (const size of [10, 2_000_000]) {
    for (const query of ["", "?digest-algorithm=sha512"]) {
      const bytes = randomBytes(size);
      const location = await beginUpload(registry, "blob/sha512", query);
      expectStatus(await registry.send("PATCH", location, octets, bytes), 202);
      expectStatus(await registry.send("PUT", `${location}?digest=${sha512Of(bytes)}`), 201);
      const answer = expectStatus(await registry.send("GET", `/v2/blob/sha512/blobs/${sha512Of(bytes)}`), 200);
      assert.deepEqual(answer.body, bytes);
    }
  }
  const odd = await registry.send("POST", "/v2/blob/sha512/blobs/uploads/?digest-algorithm=md5");
  expectFault(odd, 400, "DIGEST_INVALID");
});

test("a blob is mounted from a repository that has it; else an upload begins", async () => {
  const digest = await pushBlob(registry, "blob/source", randomBytes(1000));
  const mount = (query: string) => registry.send("POST", `/v2/blob/target/blobs/uploads/?${query}`);
  const mounted = expectStatus(await mount(`mount=${digest}&from=blob/source`), 201);
  assert.equal(mounted.headers["docker-content-digest"], digest);
  expectStatus(await registry.send("HEAD", `/v2/blob/target/blobs/${digest}`), 200);
  const unknown = digestOf(Buffer.from("unknown"));
  for (const query of [
    `mount=${unknown}&from=blob/source`,
    `mount=${digest}&from=blob/none`,
    `mount=${digest}`,
    `mount=${digest}&from=../x`,
  ]) {
    const begun = expectStatus(await mount(query), 202);
    assert.ok(begun.headers["docker-upload-uuid"]);
  }
});

test("a deleted blob is gone from its repository alone", async () => {
  const bytes = randomBytes(1000);
  const digest = await pushBlob(registry, "blob/gone", bytes);
  await pushBlob(registry, "blob/stays", bytes);
  expectStatus(await registry.send("DELETE", `/v2/blob/gone/blobs/${digest}`), 202);
  expectFault(await registry.send("GET", `/v2/blob/gone/blobs/${digest}`), 404, "BLOB_UNKNOWN");
  expectFault(await registry.send("DELETE", `/v2/blob/gone/blobs/${digest}`), 404, "BLOB_UNKNOWN");
  expectStatus(await registry.send("GET", `/v2/blob/stays/blobs/${digest}`), 200);
});

test("many who push one blob at the same time store it once", async () => {
  const bytes = randomBytes(3_000_000);
  const before = blobsStored().length;
  const repositories = Array.from({ length: 12 }, (_, index) => `blob/many${index % 4}`);
  await Promise.all(repositories.map((repository) => pushBlob(registry, repository, bytes)));
  assert.equal(blobsStored().length, before + 1);
  assert.deepEqual(readdirSync(join(registry.root, "data/.incoming")), []);
  for (const repository of repositories) {
    const answer = await registry.send("GET", `/v2/${repository}/blobs/${digestOf(bytes)}`);
    assert.ok(answer.body.equals(bytes));
  }
});

test("empty and odd sizes around the buffers come back", async () => {
  for (const size of [0, 1, 65_535, 524_288, 524_289, 1_048_576, 1_048_577, 5_000_003]) {
    const bytes = randomBytes(size);
    const digest = await pushBlob(registry, "blob/sizes", bytes);
    const answer = expectStatus(await registry.send("GET", `/v2/blob/sizes/blobs/${digest}`), 200);
    assert.ok(answer.body.equals(bytes), `${size}`);
  }
});

test("large blobs arrive whole on one connection after the other, at slow clients, and when others leave", async () => {
  const bytes = randomBytes(20_000_000);
  const digest = await pushBlob(registry, "blob/large", bytes);
  const url = `http://${registry.host}/v2/blob/large/blobs/${digest}`;
  using agent = new DisposableAgent();
  const get = (options: { slow?: boolean; leave?: boolean; range?: string } = {}): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const headers = options.range === undefined ? {} : { range: options.range };
      const sent = request(url, { agent: agent.agent, headers }, (answer) => {
        const chunks: Buffer[] = [];
        let paused = 0;
        answer.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          if (options.leave === true) answer.destroy();
          if (options.slow === true && paused++ < 10) {
            answer.pause();
            setTimeout(() => answer.resume(), 50);
          }
        });
        answer.on("close", () => resolve(Buffer.concat(chunks)));
      });
      sent.on("error", reject);
      sent.end();
    });
  for (let times = 0; times < 3; times++) assert.ok((await get()).equals(bytes));
  assert.deepEqual(await get({ range: "bytes=1000000-18999999" }), bytes.subarray(1_000_000, 19_000_000));
  const answers = await Promise.all([
    ...[1, 2, 3].map(() => get({ slow: true })),
    ...[1, 2, 3, 4, 5, 6].map(() => get({ leave: true })),
    ...[1, 2, 3].map(() => get()),
  ]);
  for (const [index, answer] of answers.entries()) {
    if (index < 3 || index > 8) assert.ok(answer.equals(bytes), `${index}`);
    else assert.ok(answer.equals(bytes.subarray(0, answer.length)));
  }
  const open = (): number => readdirSync(`/proc/${registry.pid}/fd`).length;
  const before = open();
  for (let times = 0; times < 10; times++) await get({ leave: true });
  for (let tries = 0; open() > before + 2 && tries < 100; tries++) await sleep(50);
  assert.ok(open() <= before + 2, `${before} descriptors, then ${open()}`);
});

class DisposableAgent implements Disposable {
  readonly agent = new Agent({ keepAlive: true, maxSockets: 12 });
  [Symbol.dispose](): void {
    this.agent.destroy();
  }
}
