import { once } from "node:events";
import { EventEmitter } from "node:events";
import { open } from "node:fs/promises";
import type { Digest } from "../../oci/digest.ts";
import type { StoredObject } from "../storage/storage.ts";

const pieceBytes = 1024 * 1024;

/** The last bytes of a blob that are kept back until its digest is known to be right. */
const heldBackBytes = 1;

/**
 * A blob that is being fetched into a file. Any number of clients read it meanwhile, each at its pace; none gets the
 * whole of it before the digest was compared.
 */
export class Flight {
  readonly digest: Digest;
  readonly path: string;
  readonly sizeBytes: number;
  readonly #changed = new EventEmitter().setMaxListeners(0);
  #written = 0;
  #state: "flying" | "landed" | "crashed" = "flying";
  #error: unknown;

  constructor(digest: Digest, path: string, sizeBytes: number) {
    this.digest = digest;
    this.path = path;
    this.sizeBytes = sizeBytes;
  }

  progress(written: number): void {
    this.#written = written;
    this.#changed.emit("change");
  }

  land(): void {
    this.#state = "landed";
    this.#changed.emit("change");
  }

  crash(error: unknown): void {
    this.#state = "crashed";
    this.#error = error;
    this.#changed.emit("change");
  }

  /** Opens it for one client. Must be called before it lands, while the file has its first name. */
  async open(): Promise<StoredObject> {
    const file = await open(this.path, "r");
    return {
      sizeBytes: this.sizeBytes,
      pieces: (start, end) => this.#pieces(file, start, end),
      [Symbol.asyncDispose]: () => file.close(),
    };
  }

  async *#pieces(
    file: Awaited<ReturnType<typeof open>>,
    start: number,
    end: number,
  ): AsyncGenerator<Uint8Array, void, void> {
    const buffer = Buffer.allocUnsafeSlow(pieceBytes);
    for (let position = start; position < end;) {
      const readable = await this.#reach(position, end);
      const wanted = Math.min(buffer.length, readable - position);
      const { bytesRead } = await file.read(buffer, 0, wanted, position);
      if (bytesRead === 0) throw new Error("a fetched blob is shorter than it was");
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Waits for bytes after `position`. @returns up to where there are some. @throws what ended the flight */
  async #reach(position: number, end: number): Promise<number> {
    for (;;) {
      if (this.#state === "crashed") throw this.#error;
      const ready = this.#state === "landed" ? this.sizeBytes : Math.min(this.#written, this.sizeBytes - heldBackBytes);
      if (ready > position) return Math.min(ready, end);
      await once(this.#changed, "change");
    }
  }
}
