import assert from "node:assert/strict";
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Layout } from "./layout.ts";

test("a short name is made when something is put on top of a layer, and again when a loss of power has emptied it", () => {
  const root = mkdtempSync(join(tmpdir(), "berth-layout-"));
  try {
    const layout = new Layout(root);
    layout.make("below", null, false);
    assert.throws(() => readlinkSync(join(root, "below/link")), { code: "ENOENT" });
    const lowerOf = (id: string): string => {
      layout.make(id, "below", true);
      const [lower = "", ...more] = layout.lower(id);
      assert.deepEqual(more, []);
      return lower;
    };
    const first = lowerOf("one");
    assert.equal(readlinkSync(first), "../below/diff");
    assert.equal(lowerOf("two"), first);
    for (const damaged of ["", "ABC"]) {
      writeFileSync(join(root, "below/link"), damaged);
      const again = lowerOf(`after-${damaged.length}`);
      assert.equal(readlinkSync(again), "../below/diff");
      assert.notEqual(again, first);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
