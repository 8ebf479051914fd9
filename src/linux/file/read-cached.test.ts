import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cachedReader } from "./read-cached.ts";

test("a file's bytes in memory are read, no more than there are or fit", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-cached-"));
  try {
    writeFileSync(join(folder, "file"), "0123456789");
    const file = openSync(join(folder, "file"), "r");
    const reader = cachedReader(4);
    const text = (position: number, size: number): string => Buffer.from(reader.read(file, position, size)).toString();
    assert.equal(text(2, 100), "2345");
    assert.equal(text(8, 4), "89");
    assert.equal(text(10, 4), "");
    closeSync(file);
    assert.equal(reader.read(file, 0, 4).length, 0, "a failure is nothing");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
