import type { Hash } from "node:crypto";
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

const bufferBytes = 1 << 20;

/** A window over a stream of bytes: takes pieces of it without copying, hashes all of it. */
export class ByteSource {
  readonly #fill: Fill;
  readonly #hash: Hash | null;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #start = 0;
  #end = 0;
  #totalBytes = 0;
  readonly #limitBytes: number;

  constructor(fill: Fill, options: { hash?: Hash; limitBytes?: number } = {}) {
    this.#fill = fill;
    this.#hash = options.hash ?? null;
    this.#limitBytes = options.limitBytes ?? Number.MAX_SAFE_INTEGER;
  }

  /** Bytes that were read so far. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /**
   * The next `length` bytes (at most 1 MiB), valid until the next call; null at a clean end of the stream.
   *
   * @throws TarError when the stream ends inside them.
   */
  take(length: number): Buffer | null {
    while (this.#end - this.#start < length) {
      if (this.#more() > 0) continue;
      if (this.#end === this.#start) return null;
      throw unexpectedEnd();
    }
    this.#start += length;
    return this.#buffer.subarray(this.#start - length, this.#start);
  }

  /** The next 1 to `most` bytes, valid until the next call; null at the end. */
  takeSome(most: number): Buffer | null {
    if (this.#start === this.#end && this.#more() === 0) return null;
    const length = Math.min(most, this.#end - this.#start);
    this.#start += length;
    return this.#buffer.subarray(this.#start - length, this.#start);
  }

  #more(): number {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    else if (this.#end === bufferBytes) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const room = this.#buffer.subarray(this.#end);
    const length = this.#fill(room);
    this.#hash?.update(room.subarray(0, length));
    this.#end += length;
    this.#totalBytes += length;
    if (this.#totalBytes > this.#limitBytes) throw new TarError(`archive is larger than ${this.#limitBytes} bytes`);
    return length;
  }
}
