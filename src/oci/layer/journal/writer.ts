import { closeSync, constants, fsyncSync, openSync, writeSync } from "node:fs";
import { constants as zlib, zstdCompressSync } from "node:zlib";
import type { ByteString } from "../tar/entry.ts";
import { frameBytesMax, magic, rawBytesMax, tags } from "./record.ts";

/** Writes a new journal. */
export class JournalWriter implements Disposable {
  readonly #fd: number;
  readonly #frame = Buffer.allocUnsafeSlow(frameBytesMax);
  #used = 0;
  #open = true;

  /** @throws when the file exists. */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    this.#write(magic);
  }

  /** Bytes of the archive that are no content. */
  raw(bytes: Buffer): void {
    for (let offset = 0; offset < bytes.length; offset += rawBytesMax) {
      const part = bytes.subarray(offset, offset + rawBytesMax);
      const at = this.#begin(tags.raw, 4 + part.length);
      this.#frame.writeUInt32LE(part.length, at);
      part.copy(this.#frame, at + 4);
    }
  }

  /** Content that is at `offset` of the file at `path`. */
  content(path: ByteString, offset: number, length: number, crc: number): void {
    const at = this.#begin(tags.content, 22 + path.length);
    this.#frame.writeDoubleLE(offset, at);
    this.#frame.writeDoubleLE(length, at + 8);
    this.#frame.writeUInt32LE(crc, at + 16);
    this.#path(path, at + 20);
  }

  /** What was at `path` up to here is now the orphan of that number. */
  moved(path: ByteString, orphan: number): void {
    const at = this.#begin(tags.moved, 6 + path.length);
    this.#frame.writeUInt32LE(orphan, at);
    this.#path(path, at + 4);
  }

  /** Writes what is left. `sync` waits until it is on the disk. */
  finish(options: { sync: boolean }): void {
    this.#flush();
    if (options.sync) fsyncSync(this.#fd);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
    // Freed now: its thread may make no garbage for long.
    this.#frame.buffer.transfer(0);
  }

  #begin(tag: number, length: number): number {
    if (this.#used + 1 + length > frameBytesMax) this.#flush();
    this.#frame[this.#used] = tag;
    const at = this.#used + 1;
    this.#used = at + length;
    return at;
  }

  /** Length in 16 bits and bytes; the kernel's paths are shorter than 4,096. */
  #path(path: ByteString, at: number): void {
    this.#frame.writeUInt16LE(path.length, at);
    this.#frame.write(path, at + 2, "latin1");
  }

  #flush(): void {
    if (this.#used === 0) return;
    const packed = zstdCompressSync(this.#frame.subarray(0, this.#used), {
      params: { [zlib.ZSTD_c_compressionLevel]: 1 },
    });
    const lengths = Buffer.allocUnsafe(8);
    lengths.writeUInt32LE(packed.length, 0);
    lengths.writeUInt32LE(this.#used, 4);
    this.#write(lengths);
    this.#write(packed);
    this.#used = 0;
  }

  #write(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length;) offset += writeSync(this.#fd, bytes, offset);
  }
}
