import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilters } from "./filters.ts";

const invalid = { kind: "invalid-parameter", message: "invalid filter" };

test("filters are read in both forms", () => {
  assert.deepEqual(parseFilters('{"label":{"a=b":true,"c":true}}').get("label"), ["a=b", "c"]);
  const listed = parseFilters('{"label":["a=b"],"status":["running","paused"]}');
  assert.deepEqual(listed.get("label"), ["a=b"]);
  assert.deepEqual(listed.get("status"), ["running", "paused"]);
  for (const none of ["", null, "null", "{}"]) assert.deepEqual([...parseFilters(none).keys()], []);
});

test("what is no filter is refused in Docker's words", () => {
  for (const text of ["abc", "[1]", '{"label":1}', '{"label":[1]}', '{"label":{"a":"b"}}']) {
    assert.throws(() => parseFilters(text), invalid, text);
  }
});

test("a hostile key is only an unknown key", () => {
  const filters = parseFilters('{"__proto__":["x"]}');
  assert.deepEqual(filters.get("constructor"), []);
  assert.throws(() => filters.requireKeys(["label"]), { message: "invalid filter '__proto__'" });
});
