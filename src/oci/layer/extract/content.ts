import { ftruncateSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Entry } from "../tar/entry.ts";
import type { TarReader } from "../tar/reader.ts";

/** Hears where each stretch of a file's content was written. */
export type OnContent = (offset: number, length: number, crc: number) => void;

/** A filesystem's block: zeros that fill one need not be on the disk. */
const blockBytes = 4096;
const zeros = Buffer.alloc(blockBytes);

/**
 * Writes the current member's content into an empty file. The holes of a sparse one stay holes, and blocks of zeros become
 * some: archives of containers' files hold those in full.
 */
export const writeContent = (fd: number, entry: Entry, reader: TarReader, onContent: OnContent | null): void => {
  const fragments = entry.fragments ?? [{ offset: 0, length: entry.sizeBytes }];
  let hasHoles = entry.fragments !== null;
  for (const { offset, length } of fragments) {
    if (length === 0) continue;
    const written = writeFragment(fd, offset, length, reader, onContent !== null);
    hasHoles ||= written.hasHoles;
    onContent?.(offset, length, written.crc);
  }
  if (hasHoles) ftruncateSync(fd, entry.sizeBytes);
};

const writeFragment = (
  fd: number,
  start: number,
  length: number,
  reader: TarReader,
  sum: boolean,
): { crc: number; hasHoles: boolean } => {
  let [crc, offset, hasHoles] = [0, start, false];
  const end = start + length;
  while (offset < end) {
    const piece = reader.content(end - offset);
    if (piece === null) break;
    if (sum) crc = crc32(piece, crc);
    for (let at = 0; at < piece.length;) {
      const data = dataFrom(piece, at, offset);
      writeAll(fd, piece, at, data, offset);
      at = holeFrom(piece, data, offset);
      hasHoles ||= at > data;
    }
    offset += piece.length;
  }
  return { crc, hasHoles };
};

const writeAll = (fd: number, piece: Buffer, from: number, to: number, offset: number): void => {
  for (let at = from; at < to;) at += writeSync(fd, piece, at, to - at, offset + at);
};

/** The next place in a piece at or after `at` where a block of zeros begins, or its end. `offset` is where it goes. */
const dataFrom = (piece: Buffer, at: number, offset: number): number => {
  const first = at + ((blockBytes - ((offset + at) % blockBytes)) % blockBytes);
  for (let block = first; block + blockBytes <= piece.length; block += blockBytes) {
    if (isZeros(piece, block)) return block;
  }
  return piece.length;
};

/** Where the blocks of zeros end that begin at `at`. */
const holeFrom = (piece: Buffer, at: number, offset: number): number => {
  let end = at;
  if ((offset + at) % blockBytes !== 0) return end;
  while (end + blockBytes <= piece.length && isZeros(piece, end)) end += blockBytes;
  return end;
};

/** A look at two bytes decides for most that are none. */
const isZeros = (piece: Buffer, at: number): boolean =>
  piece[at] === 0 && piece[at + blockBytes / 2] === 0 && piece.compare(zeros, 0, blockBytes, at, at + blockBytes) === 0;
