import { writeSync } from "node:fs";

const bufferBytes = 1 << 18;

/** Collects small pieces and writes them to a blocking descriptor. */
export class Output {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  readonly #written: BigInt64Array | undefined;
  #used = 0;

  /** @param written its first number grows by what was written; shared with whoever shows that */
  constructor(fd: number, written?: BigInt64Array) {
    this.#fd = fd;
    this.#written = written;
  }

  write(piece: Uint8Array): void {
    if (this.#used + piece.length > bufferBytes) this.flush();
    if (piece.length >= bufferBytes) return this.#writeAll(piece);
    this.#buffer.set(piece, this.#used);
    this.#used += piece.length;
  }

  flush(): void {
    this.#writeAll(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #writeAll(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length;) offset += writeSync(this.#fd, bytes, offset);
    if (this.#written !== undefined) Atomics.add(this.#written, 0, BigInt(bytes.length));
  }
}
