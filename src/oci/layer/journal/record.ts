import type { ByteString } from "../tar/entry.ts";

/**
 * The tar journal: what is needed besides a layer's files to write its archive again byte for byte. In order: the bytes
 * that are no file's content, as they were, and for each stretch of content where it is in the tree and its CRC-32.
 * Content that a later member of the same archive replaced is moved to a directory of "orphans" instead of removed.
 *
 * The file is a row of frames: length compressed, length plain (32 bits each, little endian), zstd data.
 */
export type JournalRecord =
  | { kind: "raw"; bytes: Buffer }
  | { kind: "content"; path: ByteString; offset: number; length: number; crc: number }
  | { kind: "moved"; path: ByteString; orphan: number };

/** The first byte of each record. */
export const tags = { raw: 1, content: 2, moved: 3 } as const;

/** Most plain bytes of a frame; a record is never cut in two. */
export const frameBytesMax = 1 << 20;
/** Most bytes of one raw record; longer runs are several. */
export const rawBytesMax = 1 << 16;

/** Begins every journal: name and version. */
export const magic = Buffer.from("tarjrnl1");
