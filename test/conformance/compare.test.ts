import assert from "node:assert/strict";
import { test } from "node:test";
import { compare } from "./compare.ts";
import { frames } from "./decode.ts";
import { Normaliser, shapeOf } from "./normalise.ts";
import { SchemaValidator } from "./schema/validate.ts";
import { get } from "./step.ts";

const paths = (a: unknown, b: unknown) => compare(a, b).map((one) => one.path);

test("null, [], {}, '', 0, false and an absent key are all different", () => {
  const values: unknown[] = [null, [], {}, "", 0, false, undefined];
  values.forEach((a, first) => {
    values.forEach((b, second) => assert.deepEqual(paths({ key: a }, { key: b }), first === second ? [] : ["key"]));
  });
});

test("differences are found below lists and objects, and a longer list is one", () => {
  assert.deepEqual(paths({ a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 1 }, { b: 3, c: 1 }] }), ["a.1.b", "a.1.c"]);
  assert.deepEqual(paths({ a: [1] }, { a: [1, 2] }), ["a.length"]);
});

test("chance goes, everything else stays", () => {
  const id = "ab".repeat(32);
  const normaliser = new Normaliser(new Map([["web", id]]), "/var/lib/engine");
  const seen = normaliser.json({
    Id: id,
    Hostname: id.slice(0, 12),
    StartedAt: "2026-11-22T00:00:00.5Z",
    FinishedAt: "0001-01-01T00:00:00Z",
    LogPath: `/var/lib/engine/containers/${id}/x`,
    Status: "Up 3 seconds",
    Pid: 17,
    ExitCode: 17,
    Size: 0,
    IPAddress: "172.17.0.2",
    HostIp: "0.0.0.0",
  });
  assert.deepEqual(seen, {
    Id: "<web>",
    Hostname: "<web short>",
    StartedAt: "<time>",
    FinishedAt: "0001-01-01T00:00:00Z",
    LogPath: "<root>/containers/<web>/x",
    Status: "Up <duration>",
    Pid: "<number>",
    ExitCode: 17,
    Size: 0,
    IPAddress: "<ip>",
    HostIp: "0.0.0.0",
  });
});

test("a shape keeps key sets and kinds", () => {
  assert.deepEqual(shapeOf({ a: 1, b: [{ c: "x" }, { c: "y" }, { c: null }], d: null, e: "" }), {
    a: "number",
    b: [{ c: "string" }, { c: null }],
    d: null,
    e: "",
  });
});

test("frames of one stream that follow each other are one", () => {
  const frame = (stream: number, text: string) =>
    Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
  assert.deepEqual(frames(Buffer.concat([frame(1, "a"), frame(1, "b"), frame(2, "c"), frame(1, "d")])), [
    { stream: 1, text: "ab" },
    { stream: 2, text: "c" },
    { stream: 1, text: "d" },
  ]);
});

test("the schema refuses unknown keys and wrong types, and takes null for absent", () => {
  const check = (body: unknown) =>
    new SchemaValidator()
      .check(get("/volumes/x"), {
        status: 200,
        statusText: "OK",
        headers: { "content-type": "application/json" },
        body: Buffer.from(JSON.stringify(body)),
        ended: true,
      })
      .map((one) => one.message);
  assert.deepEqual(
    check({ Name: "x", Driver: "local", Mountpoint: "/x", Labels: null, Scope: "local", Options: {} }),
    [],
  );
  assert.deepEqual(check({ Name: 1, Nonsense: 2 }), ["unknown key Nonsense", "must be string"]);
});
