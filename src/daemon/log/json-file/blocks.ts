import { read as readCallback } from "node:fs";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import type { LogFile } from "./files.ts";
import { blockBytes } from "./pool.ts";

const read = promisify(readCallback);

/** A smaller one for the first look and for slow writers, so that an idle follower holds little. */
const smallBlockBytes = 16 * 1024;
const newline = 0x0a;

/** A place in a file to go on reading from; `at` is always the start of a line. */
export interface Position {
  at: number;
}

/**
 * Whole lines of a plain file from a position to `limit`, in blocks. The next block is read (by a thread of the pool)
 * while the caller works on the one before, which is his only until he asks for the next. A last line that has not ended is left for later; what has no newline in a
 * whole block is no record and passed over.
 */
export const readLines = async function* (file: LogFile, position: Position, limit: number): AsyncGenerator<Buffer> {
  let size = smallBlockBytes;
  const blocks = new Alternating();
  let pending = fill(file.fd, position.at, limit, blocks.next(size));
  try {
    for (;;) {
      const block = await pending;
      const end = block.lastIndexOf(newline) + 1;
      if (end === 0) {
        if (block.length < size) return;
        if (size === blockBytes) position.at += block.length;
      }
      position.at += end;
      size = blockBytes;
      pending = fill(file.fd, position.at, limit, blocks.next(size));
      if (end > 0) yield block.subarray(0, end);
    }
  } finally {
    // The descriptor may be closed next: no read is under way then.
    await pending.catch(() => {});
  }
};

const fill = async (fd: number, at: number, limit: number, block: Buffer): Promise<Buffer> => {
  const size = Math.min(block.length, limit - at);
  if (size <= 0) return block.subarray(0, 0);
  const { bytesRead } = await read(fd, block, 0, size, at);
  return block.subarray(0, bytesRead);
};

/** Two blocks in turn: one is worked on while the other is filled. */
class Alternating {
  #used: Buffer = Buffer.alloc(0);
  #other: Buffer = Buffer.alloc(0);

  next(size: number): Buffer {
    const block = this.#other.length === size ? this.#other : Buffer.allocUnsafeSlow(size);
    this.#other = this.#used;
    this.#used = block;
    return block;
  }
}

/** Whole lines of a file that gzip compressed; what follows a damage in it is lost. */
export const readCompressedLines = async function* (file: LogFile): AsyncGenerator<Buffer> {
  const source = Readable.from(rawBlocks(file.fd));
  const gunzip = createGunzip({ chunkSize: blockBytes });
  source.once("error", (error) => gunzip.destroy(error));
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of source.pipe(gunzip) as AsyncIterable<Buffer>) {
      const block = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = block.lastIndexOf(newline) + 1;
      rest = block.length - end > blockBytes ? Buffer.alloc(0) : Buffer.from(block.subarray(end));
      if (end > 0) yield block.subarray(0, end);
    }
  } catch (error) {
    if (!String((error as NodeJS.ErrnoException).code).startsWith("Z_")) throw error;
  } finally {
    // The descriptor may be closed next: no read is under way then.
    const closed = new Promise((resolve) => (source.closed ? resolve(null) : source.once("close", resolve)));
    source.destroy();
    gunzip.destroy();
    await closed;
  }
};

/** The bytes of an open file from its start, which stays open. */
export const rawBlocks = async function* (fd: number): AsyncGenerator<Buffer> {
  for (let at = 0; ;) {
    const block = await fill(fd, at, Number.MAX_SAFE_INTEGER, Buffer.allocUnsafeSlow(64 * 1024));
    if (block.length === 0) return;
    at += block.length;
    yield block;
  }
};

/** Lines of a file from the start, whichever way it is stored. */
export const allLines = (file: LogFile): AsyncGenerator<Buffer> =>
  file.compressed ? readCompressedLines(file) : readLines(file, { at: 0 }, file.sizeBytes);
