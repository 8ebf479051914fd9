import assert from "node:assert/strict";
import { test } from "node:test";
import { isWithin } from "./paths.ts";

test("a path is within a folder by whole names", () => {
  for (const [path, folder] of [
    ["/a", "/a"],
    ["/a/b", "/a"],
    ["/a", "/"],
    ["/", "/"],
  ] as const)
    assert.ok(isWithin(path, folder), `${path} in ${folder}`);
  for (const [path, folder] of [
    ["/ab", "/a"],
    ["/a", "/a/b"],
    ["/", "/a"],
  ] as const)
    assert.ok(!isWithin(path, folder), `${path} not in ${folder}`);
});
