import { createGunzip, createZstdDecompress } from "node:zlib";
import type { Transform } from "node:stream";
import { findBinary } from "../../linux/process/find-binary.ts";
import type { Compression } from "./format.ts";

/**
 * The program that decompresses, best first, by its absolute path on the host; null when none is installed. igzip
 * inflates four times as fast as gzip.
 */
export const decompressor = (compression: Exclude<Compression, "identity">): string[] | null => {
  for (const [name, ...options] of programs[compression]) {
    const path = name === undefined ? null : findBinary(name);
    if (path !== null) return [path, ...options];
  }
  return null;
};

const programs: Readonly<Record<Exclude<Compression, "identity">, string[][]>> = {
  gzip: [
    ["igzip", "-dc"],
    ["gzip", "-dc"],
  ],
  zstd: [["zstd", "-dcq"]],
  bzip2: [
    ["lbzip2", "-dc"],
    ["bzip2", "-dc"],
  ],
  xz: [["xz", "-dcq", "--memlimit-decompress=512MiB"]],
};

const chunkBytes = 1 << 18;

/** Node's own decompressor, where the host has no program; null when Node has none either. */
export const builtinDecompressor = (compression: Compression): Transform | null => {
  if (compression === "gzip") return createGunzip({ chunkSize: chunkBytes });
  if (compression === "zstd") return createZstdDecompress({ chunkSize: chunkBytes });
  return null;
};
