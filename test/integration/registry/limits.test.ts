import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startRegistry } from "../../support/registry.ts";
import type { TestRegistry } from "../../support/registry.ts";
import { expectFault, expectStatus, ociManifest, pushBlob } from "../../support/distribution.ts";

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
});
after(() => registry?.[Symbol.asyncDispose]());

/** Sends raw bytes. @returns what came back until the server closed, or until `limitMs` */
const raw = (bytes: string | Buffer, limitMs: number): Promise<{ text: string; closed: boolean; tookMs: number }> =>
  new Promise((resolve) => {
    const begun = performance.now();
    const [host = "", port = ""] = registry.host.split(":");
    const socket = connect(Number(port), host);
    let text = "";
    const end = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed, tookMs: performance.now() - begun });
    };
    const timer = setTimeout(() => end(false), limitMs);
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.on("close", () => end(true));
    socket.on("error", () => undefined);
    socket.write(bytes);
  });

const filesBelow = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();

test("names that are no names reach no path", async () => {
  const before = filesBelow(registry.root);
  const names = [
    "..",
    "../..",
    "a/../../b",
    "a//b",
    "/a",
    "a/",
    ".a",
    "a/.b",
    "_a",
    "a/_layers",
    "A",
    "a%00b",
    "%2e%2e/%2e%2e/etc",
    "a%2f..%2fb",
    "a/%2e%2e/%2e%2e/b",
    "ä",
    "a".repeat(256),
    `${"a/".repeat(200)}a`,
    "a b",
    "a\\b",
    "a___b",
    "a..b",
  ];
  for (const name of names) {
    for (const [method, path] of [
      ["POST", "blobs/uploads/"],
      ["GET", "tags/list"],
      ["PUT", "manifests/latest"],
      ["GET", "manifests/latest"],
    ] as const) {
      const text = `${method} /v2/${name}/${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
      const answer = await raw(text, 5_000);
      assert.match(answer.text, /^HTTP\/1\.1 40[04] /, `${method} ${name}`);
    }
  }
  for (const reference of [
    "..",
    "%2e%2e",
    ".",
    "-x",
    "a".repeat(129),
    "sha256:..",
    "sha256:%2e%2e%2f",
    "a%00",
    "a:b",
  ]) {
    const answer = await registry.send("PUT", `/v2/limits/x/manifests/${reference}`, {}, Buffer.from("{}"));
    assert.ok([400, 404].includes(answer.status), `${reference}: ${answer.status}`);
  }
  assert.deepEqual(filesBelow(registry.root), before);
});

test("long names that are names work", async () => {
  for (const name of ["a".repeat(255), `${"a/".repeat(127)}a`]) {
    const digest = await pushBlob(registry, name, Buffer.from("x"));
    expectStatus(await registry.send("HEAD", `/v2/${name}/blobs/${digest}`), 200);
  }
});

test("a manifest of 100 MiB is refused at its head, and a stream of one soon", async () => {
  const size = 100 * 1024 * 1024;
  const head = `PUT /v2/limits/big/manifests/t HTTP/1.1\r\nHost: x\r\nContent-Type: ${ociManifest}\r\n`;
  const announced = await raw(`${head}Content-Length: ${size}\r\n\r\n`, 10_000);
  assert.match(announced.text, /^HTTP\/1\.1 413 /);
  assert.match(announced.text, /MANIFEST_INVALID/);
  assert.ok(announced.closed);
  const chunk = `100000\r\n${"x".repeat(0x100000)}\r\n`;
  const streamed = await raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}`, 10_000);
  assert.match(streamed.text, /^HTTP\/1\.1 413 /);
  const exact = Buffer.alloc(4 * 1024 * 1024 + 1, " ");
  const answer = await registry.send("PUT", "/v2/limits/big/manifests/t", { "content-type": ociManifest }, exact);
  expectFault(answer, 413, "MANIFEST_INVALID");
});

test("heads that are too large, or never end, are cut off", async () => {
  const large = await raw(`GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 5_000);
  assert.match(large.text, /^HTTP\/1\.1 431 /);
  const slow = await raw("GET /v2/ HTTP/1.1\r\nHost: x\r\nX: a", 20_000);
  assert.ok(slow.closed);
  assert.ok(slow.tookMs < 16_000, `${slow.tookMs}`);
  const long = await raw(`GET /v2/${"a".repeat(9000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 5_000);
  assert.match(long.text, /^HTTP\/1\.1 404 /);
});

test("a client that waits for a sign gets it, or its refusal first", async () => {
  const head = "Host: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n";
  const sign = await raw(
    `POST /v2/limits/sign/blobs/uploads/?digest=sha256:${"0".repeat(64)} HTTP/1.1\r\n${head}\r\n`,
    500,
  );
  assert.match(sign.text, /^HTTP\/1\.1 100 Continue/);
  const refused = await raw(
    `PUT /v2/limits/sign/blobs/uploads/none?digest=sha256:${"0".repeat(64)} HTTP/1.1\r\n${head}\r\n`,
    5_000,
  );
  assert.match(refused.text, /^HTTP\/1\.1 404 /);
});
