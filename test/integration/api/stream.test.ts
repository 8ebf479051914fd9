import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { PassThrough, Readable } from "node:stream";
import { after, test } from "node:test";
import { conflict, invalidParameter, notFound } from "../../../src/base/errors.ts";
import { containerFileRoutes } from "../../../src/daemon/api/routes/container-files.ts";
import { containerStreamRoutes } from "../../../src/daemon/api/routes/container-stream.ts";
import { containerRoutes } from "../../../src/daemon/api/routes/container.ts";
import { eventRoutes } from "../../../src/daemon/api/routes/event.ts";
import { imageTransferRoutes } from "../../../src/daemon/api/routes/image-transfer.ts";
import { unsupportedRoutes } from "../../../src/daemon/api/routes/unsupported.ts";
import type { Route } from "../../../src/daemon/api/router.ts";
import { EventLog } from "../../../src/daemon/event/log.ts";
import type { ContainerRoutesService, ImageRoutesService, LogOptions } from "../../../src/daemon/services.ts";
import { Database } from "../../../src/daemon/state/database.ts";
import { TestApi } from "../../support/api.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-stream-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const serveContainers = (service: Partial<ContainerRoutesService>): Promise<TestApi> => {
  const containers = service as ContainerRoutesService;
  const routes = [
    ...containerRoutes(containers),
    ...containerStreamRoutes(containers),
    ...containerFileRoutes(containers),
  ];
  return TestApi.start({ routes });
};
const serveImages = (service: Partial<ImageRoutesService>): Promise<TestApi> =>
  TestApi.start({ routes: imageTransferRoutes(service as ImageRoutesService) });

test("wait sends its headers before what is waited for", async () => {
  const exit = Promise.withResolvers<{ StatusCode: number }>();
  await using api = await serveContainers({
    wait: async (ref, condition) => {
      if (ref === "none") throw notFound("No such container: none");
      assert.equal(condition, "next-exit");
      return { result: exit.promise };
    },
  });
  using connection = await api.connect();
  connection.socket.write("POST /containers/x/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.has("HTTP/1.1 200 OK");
  await connection.has("\r\n\r\n");
  assert.ok(!connection.text.includes("StatusCode"));
  exit.resolve({ StatusCode: 3 });
  await connection.has('{"StatusCode":3}\n');
  assert.equal((await api.call("POST", "/containers/none/wait?condition=next-exit")).status, 404);
  const bad = await api.call("POST", "/containers/x/wait?condition=foo");
  assert.deepEqual([bad.status, bad.json], [400, { message: 'invalid condition: "foo"' }]);
});

test("logs: the type by terminal and version, the client's end, a source that fails", async () => {
  let options: LogOptions | undefined;
  let source = new PassThrough();
  await using api = await serveContainers({
    logs: async (ref, asked) => {
      options = asked;
      source = new PassThrough();
      asked.signal.addEventListener("abort", () => source.destroy());
      if (ref !== "follow") source.end("line\n");
      const log = source;
      return { tty: ref === "tty", write: (client) => pipeline(log, client, { end: false }) };
    },
  });
  const plain = await api.call("GET", "/containers/x/logs?stdout=1&tail=5&since=1.5&until=0");
  assert.equal(plain.headers["content-type"], "application/vnd.docker.multiplexed-stream");
  assert.equal(plain.text, "line\n");
  assert.equal(options?.tail, "5");
  assert.equal(options?.since, "1.5");
  assert.equal(options?.until, "0");
  const terminal = await api.call("GET", "/containers/tty/logs?stderr=1&tail=all");
  assert.equal(terminal.headers["content-type"], "application/vnd.docker.raw-stream");
  assert.equal(options?.tail, "all");
  const old = await api.call("GET", "/v1.41/containers/x/logs?stdout=1");
  assert.equal(old.headers["content-type"], "application/vnd.docker.raw-stream");
  const none = await api.call("GET", "/containers/x/logs");
  assert.deepEqual([none.status, none.json.message], [400, "Bad parameters: you must choose at least one stream"]);

  {
    using connection = await api.connect();
    connection.socket.write("GET /containers/follow/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    await connection.has("HTTP/1.1 200 OK");
  }
  await once(source, "close");
  assert.equal(options?.signal.aborted, true);

  using failing = await api.connect();
  failing.socket.write("GET /containers/follow/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  await failing.has("HTTP/1.1 200 OK");
  source.write("half");
  await failing.has("half");
  source.destroy(new Error("disk"));
  await failing.until(() => failing.ended || failing.closed);
  assert.ok(!failing.text.includes("\r\n0\r\n"), "an answer cut short does not look whole");
});

test("stats: one object or a stream, ended by the client", async () => {
  const ended = Promise.withResolvers<void>();
  await using api = await serveContainers({
    stats: async function* (_ref, { stream, signal }) {
      yield { name: "a" };
      if (!stream) return;
      try {
        await once(signal, "abort");
      } finally {
        ended.resolve();
      }
    },
  });
  const one = await api.call("GET", "/containers/x/stats?stream=false");
  assert.deepEqual(one.json, { name: "a" });
  const both = await api.call("GET", "/containers/x/stats?stream=1&one-shot=1");
  assert.deepEqual([both.status, both.json.message], [400, "cannot have stream=true and one-shot=true"]);
  {
    using connection = await api.connect();
    connection.socket.write("GET /containers/x/stats HTTP/1.1\r\nHost: x\r\n\r\n");
    await connection.has('{"name":"a"}\n');
    assert.ok(!connection.text.includes("Content-Type"));
  }
  await ended.promise;
});

test("start: an old client's body is refused, an empty one is not", async () => {
  let started = 0;
  await using api = await serveContainers({ start: async () => void started++ });
  assert.equal((await api.call("POST", "/containers/x/start")).status, 204);
  assert.equal((await api.call("POST", "/containers/x/start", {})).status, 204);
  const old = await api.call("POST", "/containers/x/start", { Binds: ["/:/x"] });
  assert.equal(old.status, 400);
  assert.match(old.json.message, /non-empty request body was deprecated since API v1.22/);
  assert.equal(started, 2);
});

test("archives: the stat header, bytes both ways, HEAD without a body", async () => {
  const stat = { name: "f", size: 1, mode: 420, mtime: "2026-01-01T00:00:00Z", linkTarget: "" };
  let received = "";
  await using api = await serveContainers({
    statPath: async (_ref, path) => {
      if (path !== "/f") throw notFound(`Could not find the file ${path} in container x`);
      return stat;
    },
    getArchive: async () => ({ stat, tar: Readable.from([Buffer.from("tar")]) }),
    putArchive: async (_ref, _path, body) => {
      for await (const chunk of body as AsyncIterable<Buffer>) received += chunk.toString();
      if (received === "refused") throw conflict("no");
    },
  });
  const head = await api.call("HEAD", "/containers/x/archive?path=/f");
  assert.equal(head.status, 200);
  assert.deepEqual(
    JSON.parse(Buffer.from(String(head.headers["x-docker-container-path-stat"]), "base64").toString()),
    stat,
  );
  const missing = await api.call("HEAD", "/containers/x/archive?path=/g");
  assert.deepEqual([missing.status, missing.text], [404, ""]);
  const got = await api.call("GET", "/containers/x/archive?path=/f");
  assert.deepEqual([got.text, got.headers["content-type"]], ["tar", "application/x-tar"]);
  assert.equal((await api.call("PUT", "/containers/x/archive?path=/d", "bytes")).status, 200);
  assert.equal(received, "bytes");
  assert.equal((await api.call("PUT", "/containers/x/archive", "bytes")).status, 400);
});

test("progress: lines as they come; an error before the first is a status, after it the last line", async () => {
  await using api = await serveImages({
    pull: async (reference, { all, auth }, progress) => {
      if (reference === "none:latest") throw notFound("pull access denied for none");
      progress({ status: `${reference} ${String(all)} ${auth.username ?? ""} <&>` });
      if (reference === "half") throw notFound("manifest unknown");
    },
  });
  const auth = Buffer.from('{"username":"me"}').toString("base64url");
  const pulled = await api.call("POST", "/images/create?fromImage=a/b&tag=c", undefined, { "X-Registry-Auth": auth });
  assert.equal(pulled.text, '{"status":"a/b:c false me \\u003c\\u0026\\u003e"}\r\n');
  const digest = `sha256:${"0".repeat(64)}`;
  const byDigest = await api.call("POST", `/images/create?fromImage=a&tag=${digest}`, undefined, {
    "X-Registry-Auth": "!",
  });
  assert.ok(byDigest.text.startsWith(`{"status":"a@${digest} false `));
  const none = await api.call("POST", "/images/create?fromImage=none&tag=latest");
  assert.deepEqual([none.status, none.json.message], [404, "pull access denied for none"]);
  const half = await api.call("POST", "/images/create?fromImage=half");
  assert.equal(half.status, 200);
  assert.equal(half.text.split("\r\n")[1], '{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}');
});

test("a client that leaves ends its pull; one that sends on is read", async () => {
  const aborted = Promise.withResolvers<void>();
  await using api = await serveImages({
    pull: async (_reference, { signal }, progress) => {
      progress({ status: "begun" });
      await once(signal, "abort");
      aborted.resolve();
      throw new Error("aborted");
    },
    load: async (tar, _options, progress) => {
      let bytes = 0;
      for await (const chunk of tar as AsyncIterable<Buffer>) bytes += chunk.length;
      progress({ stream: `Loaded ${bytes}\n` });
    },
  });
  {
    using connection = await api.connect();
    connection.socket.write("POST /images/create?fromImage=x HTTP/1.1\r\nHost: x\r\n\r\n");
    await connection.has("begun");
  }
  await aborted.promise;
  assert.deepEqual(api.errors, [], "nobody is left to be told");
  const loaded = await api.call("POST", "/images/load", "x".repeat(300_000));
  assert.equal(loaded.text, '{"stream":"Loaded 300000\\n"}\r\n');
});

test("events over the wire: replay, order, times, filters", async () => {
  using database = Database.open(join(folder, "events.db"));
  await using api = await TestApi.start({ routes: eventRoutes(new EventLog(database)) });
  const emit = (Action: string): void =>
    database.emit({ Type: "container", Action, Actor: { ID: "i", Attributes: { image: "img", name: "n" } } });
  emit("create");
  using connection = await api.connect();
  connection.socket.write(`GET /events?since=0&filters={"event":["create","start"]} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await connection.has('"create"');
  emit("die");
  emit("start");
  await connection.has('"start"');
  const lines = connection.text.split("\r\n").filter((line) => line.startsWith("{"));
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    events.map(({ Action }) => Action),
    ["create", "start"],
  );
  const { time, timeNano, ...rest } = events[0] ?? {};
  assert.deepEqual(rest, {
    status: "create",
    id: "i",
    from: "img",
    Type: "container",
    Action: "create",
    Actor: { ID: "i", Attributes: { image: "img", name: "n" } },
    scope: "local",
  });
  assert.match(lines[0] ?? "", new RegExp(`"time":${String(time)},"timeNano":${String(time)}\\d{9}}`));
  assert.ok(typeof timeNano === "number");
  const wrong = await api.call("GET", "/events?since=10&until=5");
  assert.deepEqual([wrong.status, wrong.json.message], [400, "`since` time (10) cannot be after `until` time (5)"]);
  assert.equal((await api.call("GET", "/events?since=abc")).status, 500);
  // Clients make seconds of what their users type; dockerd takes nothing else.
  assert.equal((await api.call("GET", "/events?since=2001-02-03T04:05:06Z&until=2001-02-03")).status, 500);
  assert.equal((await api.call("GET", "/events?since=981158400&until=981173106.5")).text, "");
});

test("a refused upload is read to its end, so that the client gets to the answer, and the connection stays", async () => {
  await using api = await TestApi.start({ routes: unsupportedRoutes });
  using connection = await api.connect();
  const size = 8 * 1024 * 1024;
  connection.socket.write(
    `POST /build HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: ${size}\r\n\r\n`,
  );
  connection.socket.write(Buffer.alloc(size));
  await connection.has("HTTP/1.1 501 Not Implemented");
  await connection.until(() => connection.socket.writableLength === 0);
  connection.socket.write("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.has("\r\n\r\nOK");
});

test("an upload that is given up half way still gets its answer, also from a route that read some of it", async () => {
  const give: Route = {
    method: "POST",
    path: "/give-up",
    handle: async (call) => {
      for await (const chunk of call.stream) {
        assert.ok((chunk as Buffer).length > 0);
        throw invalidParameter("no such archive");
      }
    },
  };
  await using api = await TestApi.start({ routes: [give] });
  using connection = await api.connect();
  const size = 8 * 1024 * 1024;
  connection.socket.write(`POST /give-up HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
  connection.socket.write(Buffer.alloc(size));
  await connection.has("no such archive");
  await connection.until(() => connection.socket.writableLength === 0);
  connection.socket.write("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.has("\r\n\r\nOK");
});
