// Images made of archives that a web server has.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { openImages } from "../../support/engine-images.ts";
import type { TestImages } from "../../support/engine-images.ts";
import { layerOf } from "../../support/image.ts";
import type { ProgressMessage } from "../../../src/wire/engine/progress.ts";

const layer = layerOf([{ name: "file", content: Buffer.alloc(300_000, 7) }]);

const serve = async (answer: RequestListener): Promise<{ place: string } & AsyncDisposable> => {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    place: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

const options = { repo: "web", tag: "1", message: "", changes: ["CMD x"] };
const importFrom = async (here: TestImages, url: string): Promise<ProgressMessage[]> => {
  const told: ProgressMessage[] = [];
  await here.images.import(url, options, (message) => told.push(message));
  return told;
};

test("an archive is fetched, without a scheme too; what happens is told in Docker's words", async () => {
  const bytes = gzipSync(layer.tar, { level: 0 });
  await using server = await serve((_request, response) =>
    response.writeHead(200, { "content-length": bytes.length }).end(bytes),
  );
  await using here = openImages();
  const told = await importFrom(here, `${server.place}/x.tar.gz`);
  assert.deepEqual(told[0], { status: `Downloading from http://${server.place}/x.tar.gz` });
  const bar = told.findLast(({ status }) => status === "Importing");
  assert.deepEqual(bar?.progressDetail, { current: bytes.length, total: bytes.length });
  assert.equal(bar !== undefined && "id" in bar, false);
  const { id, config } = here.images.get("web:1");
  assert.deepEqual(told.at(-1), { status: id });
  assert.deepEqual(config.rootfs.diff_ids, [layer.diffId]);
});

test("what cannot be fetched is said before the first word, by its status", async () => {
  await using server = await serve((request, response) =>
    response.writeHead(Number(request.url?.slice(1)), "Odd").end(" why \n"),
  );
  await using here = openImages();
  const kinds = { 400: "invalid-parameter", 401: "unauthorized", 403: "forbidden", 404: "not-found", 500: "system" };
  for (const [status, kind] of Object.entries(kinds)) {
    const url = `http://${server.place}/${status}`;
    const message = `failed to GET ${url} with status ${status} Odd: why`;
    await assert.rejects(importFrom(here, url), { kind, message });
  }
  // A port that nobody listens at any more.
  const gone = await serve(() => undefined);
  const { place } = gone;
  await gone[Symbol.asyncDispose]();
  const wrong: [string, string][] = [
    [`http://${place}/x`, `Get "http://${place}/x": dial tcp ${place}: connect: connection refused`],
    ["ftp://host/x", 'Get "ftp://host/x": unsupported protocol scheme "ftp"'],
    ["file:///etc/passwd", 'Get "file:///etc/passwd": unsupported protocol scheme "file"'],
    ["http:///x", 'Get "http:///x": http: no Host in request URL'],
    ["", 'Get "http:": http: no Host in request URL'],
  ];
  for (const [url, message] of wrong) await assert.rejects(importFrom(here, url), { kind: "system", message });
  assert.deepEqual(here.images.list({ all: true }), []);
});

test("a server that stops in the middle, and a page without an end", async () => {
  await using server = await serve((request, response) => {
    response.writeHead(request.url === "/endless" ? 404 : 200, { "content-length": 2 ** 40 });
    response.write(request.url === "/endless" ? Buffer.alloc(1 << 20, "x") : layer.tar.subarray(0, 100_000));
    if (request.url !== "/endless") setTimeout(() => response.destroy(), 50);
  });
  await using here = openImages();
  await assert.rejects(importFrom(here, `http://${server.place}/cut`), { kind: "system" });
  await assert.rejects(importFrom(here, `http://${server.place}/endless`), (error: Error) => {
    assert.ok(error.message.length < 70_000);
    return true;
  });
  assert.deepEqual([here.layers.all(), here.layers.driver.list()], [[], []]);
});
