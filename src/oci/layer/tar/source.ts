import { readSync } from "node:fs";
import { TarError, unexpectedEnd } from "./error.ts";

/** Fills the buffer from its start with what comes next; 0 at the end. Synchronous: this is for worker threads. */
export type Fill = (target: Buffer) => number;

/** Reads a descriptor to its end. */
export const fromDescriptor =
  (fd: number): Fill =>
  (target) =>
    readSync(fd, target, 0, target.length, null);

/** Reads bytes in memory. */
export const fromBytes = (bytes: Uint8Array): Fill => {
  let offset = 0;
  return (target) => {
    const part = bytes.subarray(offset, offset + target.length);
    target.set(part);
    offset += part.length;
    return part.length;
  };
};

/** Where the bytes of a source are kept while they are used. */
export interface Blocks {
  /** The next bytes that `fill` gives, valid until the next call; null at the end. */
  next(fill: Fill): Buffer | null;
}

const bufferBytes = 1 << 19;

/** One buffer, filled again and again. */
const oneBlock = (): Blocks => {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  return {
    next: (fill) => {
      const length = fill(buffer);
      return length === 0 ? null : buffer.subarray(0, length);
    },
  };
};

/** A window over a stream of bytes: takes pieces of it, without copying those that lie in one block. */
export class ByteSource {
  readonly #fill: Fill;
  readonly #blocks: Blocks;
  readonly #limitBytes: number;
  #block: Buffer = Buffer.alloc(0);
  #start = 0;
  #totalBytes = 0;
  /** For pieces that lie in two blocks. */
  #joined: Buffer = Buffer.alloc(0);

  constructor(fill: Fill, options: { blocks?: Blocks; limitBytes?: number } = {}) {
    this.#fill = fill;
    this.#blocks = options.blocks ?? oneBlock();
    this.#limitBytes = options.limitBytes ?? Number.MAX_SAFE_INTEGER;
  }

  /** Bytes that were read so far. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /**
   * The next `length` bytes (some KiB at most: they may be copied), valid until the next call; null at a clean end of
   * the stream.
   *
   * @throws TarError when the stream ends inside them.
   */
  take(length: number): Buffer | null {
    if (this.#block.length - this.#start >= length) {
      this.#start += length;
      return this.#block.subarray(this.#start - length, this.#start);
    }
    if (this.#joined.length < length) this.#joined = Buffer.alloc(length);
    for (let taken = 0; taken < length;) {
      const piece = this.takeSome(length - taken);
      if (piece === null && taken === 0) return null;
      if (piece === null) throw unexpectedEnd();
      piece.copy(this.#joined, taken);
      taken += piece.length;
    }
    return this.#joined.subarray(0, length);
  }

  /** The next 1 to `most` bytes, valid until the next call; null at the end. */
  takeSome(most: number): Buffer | null {
    if (this.#start === this.#block.length && !this.#more()) return null;
    const length = Math.min(most, this.#block.length - this.#start);
    this.#start += length;
    return this.#block.subarray(this.#start - length, this.#start);
  }

  #more(): boolean {
    const block = this.#blocks.next(this.#fill);
    if (block === null) return false;
    this.#block = block;
    this.#start = 0;
    this.#totalBytes += block.length;
    if (this.#totalBytes > this.#limitBytes) throw new TarError(`archive is larger than ${this.#limitBytes} bytes`);
    return true;
  }
}
