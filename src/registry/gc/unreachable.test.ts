import assert from "node:assert/strict";
import { test } from "node:test";
import type { Leads } from "./unreachable.ts";
import { unreachable } from "./unreachable.ts";

const descriptors = (...digests: string[]) => digests.map((digest) => ({ mediaType: "", digest, size: 1 }));
const leads = (manifests: string[], subject?: string): Leads => ({ manifests: descriptors(...manifests), subject });

test("tags, indexes and subjects lead to manifests", () => {
  const documents = new Map<string, Leads | null>([
    ["index", leads(["child", "elsewhere"])],
    ["child", leads([])],
    ["signature of child", leads([], "child")],
    ["signature of signature", leads([], "signature of child")],
    ["lost", leads(["of lost"])],
    ["of lost", leads([])],
    ["signature of lost", leads([], "lost")],
    ["for its own sake", leads([], "elsewhere")],
    ["unreadable", null],
    ["itself", leads(["itself"], "itself")],
  ]);
  assert.deepEqual(
    unreachable(documents, ["index", "unreadable", "gone"]),
    new Set(["lost", "of lost", "signature of lost", "itself"]),
  );
});

test("chains of any length are followed, in a time that grows as they do", () => {
  const length = 100_000;
  const indexes = new Map<string, Leads>();
  const signatures = new Map<string, Leads>();
  for (let i = length; i > 0; i--) {
    indexes.set(String(i), leads([String(i - 1)]));
    signatures.set(String(i), leads([], String(i - 1)));
  }
  assert.equal(unreachable(indexes.set("0", leads([])), [String(length)]).size, 0);
  assert.equal(unreachable(signatures.set("0", leads([])), ["0"]).size, 0);
});
