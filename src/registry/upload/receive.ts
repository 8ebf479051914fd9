import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";

/** Bytes that wait for being written; the sender is held back beyond. */
const maxWaitingBytes = 4 * 1024 * 1024;
/** What is written at once at least, unless nothing more comes for `maxWaitMs`. */
const batchBytes = 512 * 1024;
const maxWaitMs = 5;

export interface ReceiveOptions {
  file: FileHandle;
  /** Where the first byte goes. */
  position: number;
  /** Called with each chunk before it is written. @throws what ends the transfer */
  onChunk: (chunk: Buffer) => void;
  /** Called when the file's end has moved. */
  onWritten: (position: number) => void;
}

/**
 * Writes a stream to a file, many chunks in one call. What has come is written also when the stream breaks off.
 *
 * @throws what the stream, the file or `onChunk` threw.
 */
export const receive = (body: Readable, options: ReceiveOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    const { file, onChunk, onWritten } = options;
    let { position } = options;
    let waiting: Buffer[] = [];
    let waitingBytes = 0;
    let writing = false;
    let ended = false;
    let failure: Error | undefined;

    const settle = (): void => {
      if (failure === undefined) resolve();
      else reject(failure);
    };
    const fail = (error: unknown): void => {
      failure ??= error instanceof Error ? error : new Error(String(error));
      ended = true;
      body.off("data", take);
      body.pause();
      if (!writing) flush();
    };
    const writeAll = async (chunks: Buffer[], bytes: number): Promise<void> => {
      let at = position;
      for (let [rest, left] = [chunks, bytes]; left > 0;) {
        const { bytesWritten } = await file.writev(rest, at);
        at += bytesWritten;
        left -= bytesWritten;
        if (left > 0) rest = [Buffer.concat(rest).subarray(bytesWritten)];
      }
      position = at;
      onWritten(position);
    };
    let timer: NodeJS.Timeout | undefined;
    /** Writes now, or once enough has come or nothing more does. */
    const flushSoon = (): void => {
      if (writing) return;
      if (ended || waitingBytes >= batchBytes) flush();
      else timer ??= setTimeout(flush, maxWaitMs);
    };
    const flush = (): void => {
      clearTimeout(timer);
      timer = undefined;
      if (writing) return;
      if (waitingBytes === 0) {
        if (ended) settle();
        return;
      }
      writing = true;
      const [chunks, bytes] = [waiting, waitingBytes];
      waiting = [];
      waitingBytes = 0;
      writeAll(chunks, bytes).then(
        () => {
          writing = false;
          if (!ended && body.isPaused()) body.resume();
          flushSoon();
        },
        (error: unknown) => {
          writing = false;
          waiting = [];
          waitingBytes = 0;
          fail(error);
        },
      );
    };
    const take = (chunk: Buffer): void => {
      try {
        onChunk(chunk);
      } catch (error) {
        fail(error);
        return;
      }
      waiting.push(chunk);
      waitingBytes += chunk.length;
      if (waitingBytes > maxWaitingBytes) body.pause();
      flushSoon();
    };
    body.on("data", take);
    body.once("end", () => {
      ended = true;
      if (!writing) flush();
    });
    body.once("error", fail);
    body.once("close", () => {
      if (!ended) fail(new Error("the client left before the end of its upload"));
    });
  });
