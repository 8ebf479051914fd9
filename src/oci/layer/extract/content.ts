import { ftruncateSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Entry } from "../tar/entry.ts";
import type { TarReader } from "../tar/reader.ts";

/** Hears where each stretch of a file's content was written. */
export type OnContent = (offset: number, length: number, crc: number) => void;

/** Writes the current member's content into an empty file; the holes of a sparse one stay holes. */
export const writeContent = (fd: number, entry: Entry, reader: TarReader, onContent: OnContent | null): void => {
  const fragments = entry.fragments ?? [{ offset: 0, length: entry.sizeBytes }];
  for (const { offset, length } of fragments) {
    if (length === 0) continue;
    const crc = writeFragment(fd, offset, length, reader, onContent !== null);
    onContent?.(offset, length, crc);
  }
  if (entry.fragments !== null) ftruncateSync(fd, entry.sizeBytes);
};

const writeFragment = (fd: number, start: number, length: number, reader: TarReader, sum: boolean): number => {
  let crc = 0;
  let offset = start;
  const end = start + length;
  while (offset < end) {
    const piece = reader.content(end - offset);
    if (piece === null) break;
    if (sum) crc = crc32(piece, crc);
    for (let written = 0; written < piece.length;) {
      written += writeSync(fd, piece, written, piece.length - written, offset + written);
    }
    offset += piece.length;
  }
  return crc;
};
