import assert from "node:assert/strict";
import { test } from "node:test";
import { isKind } from "../../../base/errors.ts";
import { parseContainerPort, portRequests } from "./request.ts";

const defaults = { ipv4: "0.0.0.0", ipv6: true };

test("a port without a host address is published on both families", () => {
  assert.deepEqual(portRequests({ "80/tcp": [{ HostPort: "8080" }] }, [], false, defaults), [
    { proto: "tcp", containerPort: 80, hostIps: ["0.0.0.0", "::"], range: [8080, 8080] },
  ]);
  const [own] = portRequests({ "80": [{ HostPort: "" }] }, [], false, { ipv4: "192.0.2.1", ipv6: true });
  assert.deepEqual(own, { proto: "tcp", containerPort: 80, hostIps: ["192.0.2.1"], range: null });
  const [four] = portRequests({ "80": [{}] }, [], false, { ipv4: "0.0.0.0", ipv6: false });
  assert.deepEqual(four?.hostIps, ["0.0.0.0"]);
});

test("-P publishes what is exposed and has no binding", () => {
  const requests = portRequests(
    { "80/tcp": [{ HostPort: "1" }], "82/tcp": [] },
    ["80/tcp", "53/udp", "82/tcp"],
    true,
    defaults,
  );
  assert.deepEqual(
    requests.map(({ proto, containerPort, range }) => [proto, containerPort, range]),
    [
      ["tcp", 80, [1, 1]],
      ["tcp", 82, null],
      ["udp", 53, null],
    ],
  );
  assert.deepEqual(portRequests({}, ["80/tcp"], false, defaults), []);
});

test("what is no port or no address is refused", () => {
  for (const bad of ["", "x/tcp", "80/icmp", "80/tcp/x", "65536", "-1"]) {
    assert.throws(
      () => parseContainerPort(bad),
      (error) => isKind(error, "invalid-parameter"),
      bad,
    );
  }
  for (const binding of [
    { HostPort: "9-8" },
    { HostPort: "70000" },
    { HostPort: "a" },
    { HostIp: "host", HostPort: "1" },
  ]) {
    assert.throws(
      () => portRequests({ "80/tcp": [binding] }, [], false, defaults),
      (error) => isKind(error, "invalid-parameter"),
      JSON.stringify(binding),
    );
  }
});
