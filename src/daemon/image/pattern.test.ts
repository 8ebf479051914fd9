import assert from "node:assert/strict";
import { test } from "node:test";
import { isKind } from "../../base/errors.ts";
import { patternOf } from "./pattern.ts";

test("shell patterns match as Go's path.Match does", () => {
  const table: [pattern: string, text: string, matches: boolean][] = [
    ["none-such", "none-such", true],
    ["none-such", "none_such", false],
    ["busy*", "busybox:latest", true],
    ["*", "a/b", false],
    ["a?c", "abc", true],
    ["a?c", "a/c", false],
    ["[a-c]x", "bx", true],
    ["[^a-c]x", "bx", false],
    ["a\\*", "a*", true],
    ["a\\*", "ab", false],
    ["a.b+c", "a.b+c", true],
    ["a.b", "axb", false],
  ];
  for (const [pattern, text, matches] of table) assert.equal(patternOf(pattern).test(text), matches, pattern);
});

test("what is no pattern is refused", () => {
  for (const pattern of ["[", "[a", "a\\"])
    assert.throws(
      () => patternOf(pattern),
      (error) => isKind(error, "system"),
      pattern,
    );
});
