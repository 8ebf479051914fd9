import assert from "node:assert/strict";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import type { Entry } from "../tar/entry.ts";
import type { TarReader } from "../tar/reader.ts";
import { writeContent } from "./content.ts";

/** A reader that brings content in pieces of the given sizes, over and over. */
const readerOf = (content: Buffer, sizes: number[]): TarReader => {
  let [at, turn] = [0, 0];
  const next = (most: number): Buffer | null => {
    if (at >= content.length) return null;
    const piece = content.subarray(at, at + Math.min(most, sizes[turn++ % sizes.length] ?? most));
    at += piece.length;
    return piece;
  };
  return { content: next } as unknown as TarReader;
};

test("content is the same however it comes, and blocks of zeros take no room", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-content-"));
  try {
    const layouts = ["", "z", "zzz", "d", "dzd", "zdz", "ddzzzzdzz", "zzzzzzzd"];
    for (const layout of layouts) {
      for (const tail of [0, 1, 4095]) {
        for (const sizes of [[1 << 20], [4096], [1000, 5000, 4096], [8191]]) {
          const blocks = layout.split("").map((kind) => Buffer.alloc(4096, kind === "z" ? 0 : 7));
          const content = Buffer.concat([...blocks, Buffer.alloc(tail)]);
          const path = join(folder, "file");
          const fd = openSync(path, "w");
          let told = 0;
          const entry = { fragments: null, sizeBytes: content.length } as unknown as Entry;
          writeContent(fd, entry, readerOf(content, sizes), (offset, length, crc) => {
            assert.deepEqual([offset, length, crc], [0, content.length, crc32(content)]);
            told++;
          });
          assert.equal(told, content.length === 0 ? 0 : 1);
          assert.ok(readFileSync(path).equals(content), `${layout} ${tail} ${sizes.join()}`);
          const holes = layout.split("z").length - 1;
          if (sizes[0] === 1 << 20) assert.ok(fstatSync(fd).blocks * 512 <= content.length + 4096 - holes * 4096);
          closeSync(fd);
          rmSync(path);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
