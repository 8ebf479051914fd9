import { readSync, writeSync, writevSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { waitWritable } from "../../../linux/socket/ready.ts";

const bufferBytes = 1 << 20;
/** How long a thread waits for a reader before it looks again. */
const waitMs = 10_000;
const lineEnd = Buffer.from("\r\n");

/** How bytes are written: as they are, or as the chunks of an HTTP/1.1 body, without the last one. */
export type Framing = "none" | "chunked";

/**
 * Collects small pieces and writes them to a descriptor, which may be one that does not block: then the thread waits.
 *
 * **Source:** RFC 9112, 7.1, for the chunks.
 */
export class Output {
  readonly #fd: number;
  readonly #framing: Framing;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  readonly #written: BigInt64Array | undefined;
  #used = 0;
  #totalBytes = 0;

  /** @param written its first number grows by what was written; shared with whoever shows that */
  constructor(fd: number, { framing = "none", written }: { framing?: Framing; written?: BigInt64Array } = {}) {
    this.#fd = fd;
    this.#framing = framing;
    this.#written = written;
  }

  /** Bytes that were given so far. */
  get totalBytes(): number {
    return this.#totalBytes + this.#used;
  }

  write(piece: Uint8Array): void {
    if (this.#used + piece.length > bufferBytes) this.flush();
    if (piece.length >= bufferBytes) return this.#send(piece);
    this.#buffer.set(piece, this.#used);
    this.#used += piece.length;
  }

  /**
   * Takes up to `most` bytes of a file straight into the buffer.
   *
   * @returns what was taken, valid until the next call; empty at the end of the file.
   */
  read(fd: number, most: number, position: number): Buffer {
    if (this.#used === bufferBytes) this.flush();
    const count = readSync(fd, this.#buffer, this.#used, Math.min(most, bufferBytes - this.#used), position);
    this.#used += count;
    return this.#buffer.subarray(this.#used - count, this.#used);
  }

  flush(): void {
    const used = this.#used;
    this.#used = 0;
    if (used > 0) this.#send(this.#buffer.subarray(0, used));
  }

  #send(bytes: Uint8Array): void {
    this.#totalBytes += bytes.length;
    if (this.#framing === "none") this.#writeAll([bytes]);
    else this.#writeAll([Buffer.from(`${bytes.length.toString(16)}\r\n`, "latin1"), bytes, lineEnd]);
    if (this.#written !== undefined) Atomics.add(this.#written, 0, BigInt(bytes.length));
  }

  #writeAll(pieces: Uint8Array[]): void {
    for (let left = pieces; left.length > 0;) {
      try {
        const [only] = left;
        const count = left.length === 1 && only !== undefined ? writeSync(this.#fd, only) : writevSync(this.#fd, left);
        left = after(left, count);
      } catch (error) {
        if (!isCode(error, "EAGAIN")) throw error;
        waitWritable(this.#fd, waitMs);
      }
    }
  }
}

/** What is left of pieces when `count` bytes of them are written. */
const after = (pieces: Uint8Array[], count: number): Uint8Array[] => {
  let done = count;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (done < piece.length) rest.push(done === 0 ? piece : piece.subarray(done));
    done = Math.max(0, done - piece.length);
  }
  return rest;
};
