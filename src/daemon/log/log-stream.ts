import { Readable } from "node:stream";
import type { Writable } from "node:stream";
import type { BlockPool } from "./json-file/pool.ts";

/** Bytes that may wait for a client that does not read; one block of output more may be on its way. */
const highWaterBytes = 256 * 1024;

/**
 * A stream of what an async generator yields. Unlike `Readable.from` it ends a generator that waits: destroying it
 * aborts `stop` first.
 */
export class LogStream extends Readable {
  readonly #source: AsyncGenerator<Buffer>;
  readonly #stop: AbortController;
  #reading = false;

  constructor(source: AsyncGenerator<Buffer>, stop: AbortController) {
    super({ highWaterMark: highWaterBytes });
    this.#source = source;
    this.#stop = stop;
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    void this.#pull();
  }

  async #pull(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#source.next();
        if (done === true) {
          this.push(null);
          return;
        }
        if (!this.push(value)) break;
      }
      this.#reading = false;
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stop.abort();
    void this.#close(error, callback);
  }

  async #close(error: Error | null, callback: (error?: Error | null) => void): Promise<void> {
    try {
      await this.#source.return(undefined);
      callback(error);
    } catch (reason) {
      callback(error ?? (reason as Error));
    }
  }
}

/**
 * Writes what a source yields to a client, waits when it does not take it, and gives every block back to the pool once
 * it is on its way. Fulfilled at the end of the source, or when the client has left.
 */
export const writeLog = async (
  source: AsyncGenerator<Buffer>,
  client: Writable,
  stop: AbortController,
  pool: BlockPool,
): Promise<void> => {
  const leave = (): void => stop.abort();
  client.once("close", leave).once("error", leave);
  try {
    for await (const block of source) {
      if (stop.signal.aborted || client.destroyed) return;
      const taken = client.write(block, () => pool.give(block));
      if (!taken) await room(client, stop.signal);
    }
  } finally {
    client.off("close", leave).off("error", leave);
  }
};

/** Fulfilled when a client takes more, or never will. */
const room = (client: Writable, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      client.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    client.once("drain", done);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
