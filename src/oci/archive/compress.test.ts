import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Compressors, gzipBuiltin } from "./compress.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-compress-"));
after(() => rmSync(folder, { recursive: true }));

/** A program that says its version and counts how often it was asked. */
const install = (name: string, says: string): string => {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho x >> ${path}.asked\necho '${says}'\n`, { mode: 0o755 });
  return path;
};

test("the first program that says its version is preferred, and asked once", async () => {
  const igzip = install("igzip", "igzip command line interface 2.30.0");
  const gzip = install("gzip", "gzip 1.12");
  const all = new Compressors((name) => ({ igzip, gzip })[name] ?? null);
  const [one, two] = [await all.preferred(), await all.preferred()];
  assert.deepEqual(one, {
    recipe: { program: "igzip", version: "2.30.0", options: ["-2", "-c"] },
    argv: [igzip, "-2", "-c"],
  });
  assert.deepEqual(two, one);
  assert.equal(readFileSync(`${igzip}.asked`, "utf8"), "x\n");
  const second = new Compressors((name) => (name === "gzip" ? gzip : null));
  assert.equal((await second.preferred()).recipe.version, "1.12");
  const silent = install("silent", "");
  assert.equal((await new Compressors(() => silent).preferred()).recipe.program, "node:zlib");
});

test("a recipe is followed by the same version with options of ours only", async () => {
  const gzip = install("gzip", "gzip 1.12");
  const here = new Compressors((name) => (name === "gzip" ? gzip : null));
  const recipe = { program: "gzip", version: "1.12", options: ["-4", "-n", "-c"] };
  assert.deepEqual(await here.following(recipe), { recipe, argv: [gzip, "-4", "-n", "-c"] });
  for (const other of [
    { ...recipe, version: "1.11" },
    { ...recipe, options: ["-9", "-c"] },
    { ...recipe, program: "igzip", options: ["-2", "-c"] },
    { program: "sh", version: "1.0", options: ["-c", "true"] },
    { program: "node:zlib", version: "0", options: ["4"] },
  ])
    assert.equal(await here.following(other), undefined);
  const builtin = { program: "node:zlib", version: process.versions["zlib"] ?? "", options: ["4"] };
  assert.deepEqual(await here.following(builtin), { recipe: builtin, argv: null });
});

test("the library in this process compresses, and tells of a source that fails", async () => {
  const bytes = Buffer.alloc(3_000_000, "some text ");
  const chunks: Buffer[] = [];
  for await (const chunk of gzipBuiltin(Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)])))
    chunks.push(chunk);
  assert.ok(gunzipSync(Buffer.concat(chunks)).equals(bytes));
  const failing = Readable.from(
    (function* () {
      yield bytes;
      throw new Error("gone");
    })(),
  );
  await assert.rejects(
    async () => {
      for await (const _ of gzipBuiltin(failing));
    },
    { message: "gone" },
  );
});
