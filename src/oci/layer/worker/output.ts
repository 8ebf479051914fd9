import { writeSync } from "node:fs";

const bufferBytes = 1 << 18;

/** Collects small pieces and writes them to a blocking descriptor. */
export class Output {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #used = 0;

  constructor(fd: number) {
    this.#fd = fd;
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
  }
}
