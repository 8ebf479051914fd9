import { read as readCallback } from "node:fs";
import { promisify } from "node:util";
import { readCompressedLines } from "./blocks.ts";
import type { LogFile } from "./files.ts";

const read = promisify(readCallback);
const blockBytes = 256 * 1024;
const newline = 0x0a;

/** Where the last lines of a log begin. */
export interface TailStart {
  /** Index of the file. */
  file: number;
  /** Byte in it, for a plain file. */
  at: number;
  /** Lines to leave out, for a compressed one. */
  skip: number;
}

/** Finds the start of the last `count` lines, over all files; the oldest file's start when there are fewer. */
export const findTail = async (files: readonly LogFile[], count: number): Promise<TailStart> => {
  let left = count;
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index];
    if (file === undefined) break;
    const found = file.compressed ? await fromCompressed(file, left) : await fromEnd(file, left);
    if (found.lines === left) return { file: index, at: found.at, skip: found.skip };
    left -= found.lines;
  }
  return { file: 0, at: 0, skip: 0 };
};

interface Found {
  lines: number;
  at: number;
  skip: number;
}

/** Counts newlines from the end of a plain file backwards. What follows the last one is no line yet. */
const fromEnd = async (file: LogFile, wanted: number): Promise<Found> => {
  const block = Buffer.allocUnsafeSlow(Math.min(blockBytes, file.sizeBytes));
  let seen = 0;
  for (let end = file.sizeBytes; end > 0;) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await read(file.fd, block, 0, end - start, start);
    for (let at = block.lastIndexOf(newline, bytesRead - 1); at !== -1;) {
      // The newline before the wanted lines is met one later: it ends the line before them.
      if (seen++ === wanted) return { lines: wanted, at: start + at + 1, skip: 0 };
      at = at === 0 ? -1 : block.lastIndexOf(newline, at - 1);
    }
    end = start;
  }
  return { lines: Math.min(seen, wanted), at: 0, skip: 0 };
};

const fromCompressed = async (file: LogFile, wanted: number): Promise<Found> => {
  let lines = 0;
  for await (const block of readCompressedLines(file)) {
    for (let at = block.indexOf(newline); at !== -1; at = block.indexOf(newline, at + 1)) lines++;
  }
  return { lines: Math.min(lines, wanted), at: 0, skip: Math.max(0, lines - wanted) };
};
