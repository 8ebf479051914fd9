import assert from "node:assert/strict";
import { test } from "node:test";
import { cgroupDirectory } from "./cgroup-of.ts";

test("the directory of a cgroup path, by either driver", () => {
  assert.equal(cgroupDirectory("/docker/abc"), "/docker/abc");
  assert.equal(cgroupDirectory("system.slice:docker:abc"), "/system.slice/docker-abc.scope");
  assert.equal(cgroupDirectory("a-b-c.slice:docker:abc"), "/a.slice/a-b.slice/a-b-c.slice/docker-abc.scope");
  assert.equal(cgroupDirectory("system.slice:docker:abc", "own"), "/system.slice/docker-abc.scope/own");
  assert.equal(cgroupDirectory("/docker/abc", "own"), "/docker/abc");
  assert.equal(cgroupDirectory("-.slice:docker:abc"), "/docker-abc.scope");
  assert.equal(cgroupDirectory(":docker:abc"), "/system.slice/docker-abc.scope");
});
