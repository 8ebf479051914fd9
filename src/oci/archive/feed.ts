import { closeSync, createReadStream, openSync, readFileSync, readSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { notImplemented } from "../../base/errors.ts";
import { duplicate, pipe } from "../../linux/file/pipe.ts";
import { kill } from "../../linux/process/kill.ts";
import { spawn } from "../../linux/process/spawn.ts";
import type { Child } from "../../linux/process/spawn.ts";
import { detectCompression, magicBytes } from "./format.ts";
import type { Compression } from "./format.ts";
import { peek } from "./peek.ts";
import { pump } from "./pump.ts";
import { builtinDecompressor, decompressor } from "./tool.ts";

/** An archive on its way, uncompressed, to whoever reads the descriptor. */
export interface Feed extends Disposable {
  /** To be read to its end and closed by the reader; reading blocks. */
  fd: number;
  compression: Compression;
  /**
   * Fulfilled when the whole archive was handed over, or the reader closed its end. Rejects with what went wrong on this
   * side: the source failed or was aborted, or its data is damaged.
   */
  finished: Promise<void>;
  /** Ends it early: the reader sees the end of the data. */
  cancel(): void;
  /** To be called once both sides have ended. */
  [Symbol.dispose](): void;
}

export interface FeedOptions {
  signal?: AbortSignal | undefined;
  /** Hears how many bytes of the source have been taken so far. */
  onProgress?: ((bytes: number) => void) | undefined;
  /** Which program decompresses; another answer than the host's is for tests. */
  programFor?: typeof decompressor | undefined;
}

/** Compressed data that is damaged or cut off. */
export class CompressionError extends Error {
  constructor(compression: Compression, options?: ErrorOptions) {
    super(`invalid ${compression} data`, options);
    this.name = "CompressionError";
  }
}

const pipeBytes = 1 << 20;
const fileChunkBytes = 1 << 18;
const progressMs = 100;
const SIGPIPE = 13;
const SIGKILL = 9;

/**
 * Decompresses a stream, whatever it is compressed with, into a pipe. The work is done by a program of the host (never
 * one of an image) or by Node, so the event loop only moves compressed bytes.
 *
 * @throws EngineError `not-implemented` when nothing here can decompress it.
 */
export const feedStream = async (source: Readable, options: FeedOptions = {}): Promise<Feed> => {
  const { start, all } = await peek(source, magicBytes);
  const compression = detectCompression(start);
  const cancel = (sink: Writable) => () => {
    source.destroy();
    sink.destroy();
  };
  if (compression === "identity") {
    const { read, socket } = socketPipe();
    return feedOf({
      fd: read,
      compression,
      finished: pump(all, socket, options),
      cancel: cancel(socket),
      [Symbol.dispose]: nothing,
    });
  }
  const program = (options.programFor ?? decompressor)(compression);
  if (program === null) return feedBuiltin(source, all, compression, options);
  const { read, child } = spawnInto(program, "pipe");
  const stdin = child.stdin as Socket;
  const finished = checked(pump(all, stdin, options), child, compression);
  return feedOf({ fd: read, compression, finished, cancel: cancel(stdin), [Symbol.dispose]: nothing });
};

/** The same for a file of the host: when a program decompresses it, nothing of it passes through this process. */
export const feedFile = async (path: string, options: FeedOptions = {}): Promise<Feed> => {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(magicBytes);
    const compression = detectCompression(start.subarray(0, readSync(file, start, 0, magicBytes, 0)));
    if (compression === "identity") {
      const watch = watchOffset(file, options.onProgress);
      const fd = duplicate(file);
      return feedOf({ fd, compression, finished: Promise.resolve(), cancel: () => {}, [Symbol.dispose]: watch });
    }
    const program = (options.programFor ?? decompressor)(compression);
    if (program !== null) return feedFileBy(program, file, compression, options);
    closeSync(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return feedStream(createReadStream(path, { highWaterMark: fileChunkBytes }), options);
};

const feedFileBy = (program: string[], file: number, compression: Compression, options: FeedOptions): Feed => {
  const { signal, onProgress } = options;
  const { read, child } = spawnInto(program, file);
  let runs = true;
  const cancel = (): void => void (runs && kill(child.pid, SIGKILL));
  signal?.addEventListener("abort", cancel);
  const finished = checked(Promise.resolve(), child, compression).finally(() => {
    runs = false;
    signal?.removeEventListener("abort", cancel);
    signal?.throwIfAborted();
  });
  return feedOf({ fd: read, compression, finished, cancel, [Symbol.dispose]: watchOffset(file, onProgress) });
};

/**
 * Tells now and then how far an open file has been read, by whoever shares it: the offset is one for all of them.
 *
 * @returns what ends it, tells the last offset and closes the file.
 */
const watchOffset = (file: number, onProgress: FeedOptions["onProgress"]): (() => void) => {
  const tell = (): void => {
    const offset = /^pos:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, "utf8"))?.[1];
    onProgress?.(Number(offset ?? 0));
  };
  const timer = onProgress === undefined ? undefined : setInterval(tell, progressMs);
  return () => {
    clearInterval(timer);
    if (onProgress !== undefined) tell();
    closeSync(file);
  };
};

const feedBuiltin = (
  source: Readable,
  all: AsyncIterable<Buffer>,
  compression: Compression,
  options: FeedOptions,
): Feed => {
  const transform = builtinDecompressor(compression);
  if (transform === null) {
    source.destroy();
    throw notImplemented(`no program that decompresses ${compression} data is installed`);
  }
  const { read, socket } = socketPipe();
  const decompressed = pump(transform, socket, {}).catch((error: unknown) => {
    throw new CompressionError(compression, { cause: error });
  });
  const finished = Promise.all([pump(all, transform, options), decompressed]).then(() => {});
  const cancel = (): void => {
    source.destroy();
    transform.destroy();
    socket.destroy();
  };
  return feedOf({ fd: read, compression, finished, cancel, [Symbol.dispose]: nothing });
};

/** Whoever waits for the end hears of a failure, however late; it is nothing that nobody handled. */
const feedOf = (feed: Feed): Feed => {
  feed.finished.catch(() => {});
  return feed;
};

const nothing = (): void => {};

const socketPipe = (): { read: number; socket: Socket } => {
  const { read, write } = pipe(pipeBytes);
  return { read, socket: new Socket({ fd: write, readable: false, writable: true }) };
};

const spawnInto = (program: string[], stdin: "pipe" | number): { read: number; child: Child } => {
  const { read, write } = pipe(pipeBytes);
  try {
    return { read, child: spawn(program, { stdin, stdout: write, env: {} }) };
  } catch (error) {
    closeSync(read);
    throw error;
  } finally {
    closeSync(write);
  }
};

/** Waits for the decompressor too. A reader that went away kills it by SIGPIPE, which is no failure of the data. */
const checked = async (pumped: Promise<void>, child: Child, compression: Compression): Promise<void> => {
  const [{ code, signal }] = await Promise.all([child.exited, pumped]);
  if (code !== 0 && signal !== SIGPIPE) throw new CompressionError(compression);
};
