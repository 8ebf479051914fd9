import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { conflict, notModified } from "../../../src/base/errors.ts";
import { boolean, map, string, struct } from "../../../src/daemon/api/body/shape.ts";
import type { Route } from "../../../src/daemon/api/router.ts";
import { systemRoutes } from "../../../src/daemon/api/routes/system.ts";
import { TestApi } from "../../support/api.ts";

const shape = struct("test.Body", { Name: string, Tty: boolean, Labels: map(string) });

const routes: Route[] = [
  ...systemRoutes({
    version: () => ({ Version: "1.2.3" }),
    info: () => ({ ID: "x" }),
    diskUsage: async (types) => ({ types }),
    diskDetails: async () => ({}),
    auth: async () => ({ Status: "Login Succeeded", IdentityToken: "" }),
  }),
  { method: "GET", path: "/things/{name}/json", handle: (call) => call.json(200, { name: call.param("name") }) },
  { method: "POST", path: "/things", handle: async (call) => call.json(201, await call.body(shape)) },
  {
    method: "POST",
    path: "/perhaps",
    handle: async (call) => call.json(200, { body: (await call.optionalBody(shape)) ?? "none" }),
  },
  { method: "POST", path: "/busy", handle: () => Promise.reject(conflict("it is <busy> & more")) },
  { method: "POST", path: "/same", handle: () => Promise.reject(notModified("same")) },
  { method: "POST", path: "/broken", handle: () => Promise.reject(new TypeError("oh")) },
];

test("the frame answers as Docker does", async (t) => {
  await using api = await TestApi.start({ routes });

  await t.test("ping, both methods, bare and versioned", async () => {
    for (const path of ["/_ping", "/v1.40/_ping"]) {
      const answer = await api.call("GET", path);
      assert.equal(answer.status, 200);
      assert.equal(answer.text, "OK");
      assert.equal(answer.headers["api-version"], "1.51");
      assert.equal(answer.headers["ostype"], "linux");
      assert.equal(answer.headers["docker-experimental"], "false");
      assert.equal(answer.headers["server"], "Docker/1.2.3 (linux)");
      assert.equal(answer.headers["builder-version"], "1");
      assert.equal(answer.headers["swarm"], "inactive");
      assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
      const head = await api.call("HEAD", path);
      assert.equal(head.status, 200);
      assert.equal(head.headers["content-length"], "0");
    }
    assert.equal((await api.call("GET", "/v1.99/_ping")).status, 400);
  });

  await t.test("unknown paths and methods", async () => {
    for (const [method, path] of [
      ["GET", "/nope"],
      ["PUT", "/info"],
      ["GET", "/v1.51/nope"],
      ["GET", "/"],
    ] as const) {
      const answer = await api.call(method, path);
      assert.equal(answer.status, 404, path);
      assert.equal(answer.text, '{"message":"page not found"}\n');
      assert.equal(answer.headers["content-type"], "application/json");
    }
    assert.equal((await api.call("OPTIONS", "/info")).status, 200);
  });

  await t.test("unclean paths are sent to their clean form", async () => {
    for (const [path, location] of [
      ["//info", "/info"],
      ["/v1.51//info/../_ping?a=b", "/v1.51/_ping?a=b"],
      ["/things/a//b/json", "/things/a/b/json"],
    ] as const) {
      const answer = await api.call("GET", path);
      assert.deepEqual([answer.status, answer.headers["location"]], [301, location]);
    }
  });

  await t.test("versions outside the window", async () => {
    const old = await api.call("GET", "/v1.12/info");
    assert.equal(old.status, 400);
    assert.equal(old.headers["content-type"], "text/plain; charset=utf-8");
    assert.equal(
      old.text,
      "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n",
    );
    for (const version of ["1.52", "1.99", "2.0"]) {
      const tooNew = await api.call("GET", `/v${version}/info`);
      assert.equal(tooNew.status, 400);
      assert.equal(tooNew.json.message, `client version ${version} is too new. Maximum supported API version is 1.51`);
    }
    for (const version of ["1.24", "1.51"]) assert.equal((await api.call("GET", `/v${version}/info`)).status, 200);
  });

  await t.test("names may hold slashes and be encoded", async () => {
    assert.equal((await api.call("GET", "/things/a/b:c@d/json")).json.name, "a/b:c@d");
    assert.equal((await api.call("GET", "/v1.44/things/a%2Fb%20c/json")).json.name, "a/b c");
    const broken = await api.call("GET", "/things/%zz/json");
    assert.equal(broken.status, 400);
    assert.equal(broken.text, "400 Bad Request");
  });

  await t.test("errors", async () => {
    const busy = await api.call("POST", "/busy");
    assert.equal(busy.status, 409);
    assert.equal(busy.text, '{"message":"it is <busy> & more"}\n');
    const same = await api.call("POST", "/same");
    assert.deepEqual([same.status, same.text], [304, ""]);
    const broken = await api.call("POST", "/broken");
    assert.deepEqual([broken.status, broken.json], [500, { message: "oh" }]);
    assert.equal(api.errors.length, 1, "only the engine's own fault is reported");
  });

  await t.test("a body of null is none, where a call without one is fine", async () => {
    assert.deepEqual((await api.call("POST", "/perhaps")).json, { body: "none" });
    assert.deepEqual((await api.call("POST", "/perhaps", "null\n")).json, { body: "none" });
    assert.deepEqual((await api.call("POST", "/perhaps", { Name: "x" })).json, { body: { Name: "x" } });
  });

  await t.test("bodies", async () => {
    const answer = await api.call("POST", "/things", { name: "x", TTY: true, labels: { Name: "y" }, other: 1 });
    assert.deepEqual([answer.status, answer.json], [201, { Name: "x", Tty: true, Labels: { Name: "y" } }]);
    const message = async (body: string, headers = {}): Promise<string> => {
      const { status, json } = await api.call("POST", "/things", body, headers);
      assert.equal(status, 400);
      return json.message;
    };
    assert.equal(
      await message("{bad"),
      "invalid JSON: invalid character 'b' looking for beginning of object key string",
    );
    assert.equal(await message("{} {}"), "unexpected content after JSON");
    assert.equal(
      await message("{}", { "Content-Type": "text/plain" }),
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    );
    assert.equal(await message(""), "invalid JSON: got EOF while reading request body");
    assert.equal(await message(`"${"x".repeat(17 * 1024 * 1024)}"`), "http: request body too large");
  });

  await t.test("a body too large with no length given", async () => {
    using connection = await api.connect();
    const { socket } = connection;
    socket.write(
      "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const chunk = `100000\r\n${"x".repeat(0x100000)}\r\n`;
    for (let i = 0; i < 17 && !socket.destroyed; i++) {
      if (!socket.write(chunk))
        await Promise.race([new Promise((r) => socket.once("drain", r)), connection.has("HTTP/1.1 400")]);
    }
    await connection.has("http: request body too large");
  });

  await t.test("a request that is none", async () => {
    using connection = await api.connect();
    connection.socket.write("no http at all\r\n\r\n");
    await connection.has("HTTP/1.1 400 Bad Request");
    await connection.until(() => connection.ended);
  });

  await t.test("several requests on one connection, one of them with a half-close behind it", async () => {
    using connection = await api.connect();
    connection.socket.write("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
    await connection.has("\r\n\r\nOK");
    assert.ok(!connection.text.includes("Connection:"));
    connection.socket.end("GET /things/q/json HTTP/1.1\r\nHost: x\r\n\r\n");
    await connection.has('{"name":"q"}');
    await connection.until(() => connection.ended);
  });

  await t.test("the socket is for root and its group alone", () => {
    assert.equal(statSync(api.socketPath).mode & 0o777, 0o660);
  });

  await t.test("a traced call tells its steps", async () => {
    const answer = await api.call("GET", "/version", undefined, { "X-Berth-Trace": "1" });
    assert.match(String(answer.headers["server-timing"]), /total;dur=[0-9.]+/);
    assert.equal((await api.call("GET", "/version")).headers["server-timing"], undefined);
  });
});
