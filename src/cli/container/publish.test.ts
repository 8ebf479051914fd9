import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../flags.ts";
import { parsePorts } from "./publish.ts";

test("every form of -p", () => {
  const table: [string, Record<string, { HostIp: string; HostPort: string }[]>][] = [
    ["80", { "80/tcp": [{ HostIp: "", HostPort: "" }] }],
    ["8080:80", { "80/tcp": [{ HostIp: "", HostPort: "8080" }] }],
    ["127.0.0.1:8080:80/udp", { "80/udp": [{ HostIp: "127.0.0.1", HostPort: "8080" }] }],
    ["127.0.0.1::80", { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] }],
    ["[::1]:8080:80", { "80/tcp": [{ HostIp: "::1", HostPort: "8080" }] }],
    ["8000-8001:80-81", { "80/tcp": [{ HostIp: "", HostPort: "8000" }], "81/tcp": [{ HostIp: "", HostPort: "8001" }] }],
    ["8000-8010:80", { "80/tcp": [{ HostIp: "", HostPort: "8000-8010" }] }],
  ];
  for (const [text, bindings] of table) assert.deepEqual(parsePorts([text], []).bindings, bindings, text);
});

test("--expose opens ports without publishing them", () => {
  assert.deepEqual(parsePorts([], ["90-91/udp"]), { exposed: { "90/udp": {}, "91/udp": {} }, bindings: {} });
});

test("ports that are none are refused", () => {
  for (const text of ["x", "80:x", "99999", "8000-8001:80-82", "90-80"]) {
    assert.throws(() => parsePorts([text], []), UsageError, text);
  }
});
