import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeDirectories } from "./make-directories.ts";

test("what is missing is made, what is there stays", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-make-"));
  try {
    makeDirectories(join(folder, "a/b/c"));
    makeDirectories(join(folder, "a/b/c"));
    assert.ok(existsSync(join(folder, "a/b/c")));
    writeFileSync(join(folder, "file"), "");
    assert.throws(() => makeDirectories(join(folder, "file")), { code: "EEXIST" });
    assert.throws(() => makeDirectories(join(folder, "file/x")));
    symlinkSync("/nonexistent/target", join(folder, "dangling"));
    assert.throws(() => makeDirectories(join(folder, "dangling")), { code: "EEXIST" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a filesystem that makes nothing ends it", () => {
  assert.throws(() => makeDirectories("/proc/nosuch/below"), { code: "ENOENT" });
});
