import assert from "node:assert/strict";
import { test } from "node:test";
import { isKind } from "./errors.ts";
import { Filters } from "./filters.ts";

const filters = (values: Record<string, string[]>): Filters => new Filters(new Map(Object.entries(values)));

test("labels must all hold, and the negated ones not", () => {
  const labels = { a: "1", b: "" };
  assert.ok(filters({ label: ["a=1", "b"] }).matchLabels(labels));
  assert.ok(!filters({ label: ["a=1", "c"] }).matchLabels(labels));
  assert.ok(!filters({ "label!": ["a"] }).matchLabels(labels));
  assert.ok(filters({ "label!": ["a=2"] }).matchLabels(labels));
});

test("a flag is one of true and false", () => {
  assert.equal(filters({}).flag("dangling", true), true);
  assert.equal(filters({ dangling: ["0"] }).flag("dangling", true), false);
  assert.throws(
    () => filters({ dangling: ["yes"] }).flag("dangling", true),
    (error) => isKind(error, "invalid-parameter"),
  );
  assert.throws(() => filters({ dangling: ["1", "0"] }).flag("dangling", true));
});

test("an unknown key is refused in Docker's words", () => {
  assert.throws(() => filters({ nope: ["1"] }).requireKeys(["label"]), /^EngineError: invalid filter 'nope'$/);
});
