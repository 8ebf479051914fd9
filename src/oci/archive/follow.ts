import { closeSync, openSync, readSync } from "node:fs";
import { Socket } from "node:net";
import type { GrowingFile } from "../blob/growing.ts";
import { ContentMismatch } from "../blob/verify.ts";
import type { Digest } from "../digest.ts";
import { pipe } from "../../linux/file/pipe.ts";
import { kill } from "../../linux/process/kill.ts";
import { spawn } from "../../linux/process/spawn.ts";
import type { Followed } from "../layer/digest/digesters.ts";
import { CompressionError, feedStream } from "./feed.ts";
import type { Feed, FeedOptions } from "./feed.ts";
import { detectCompression, magicBytes } from "./format.ts";
import type { Compression } from "./format.ts";
import { decompressor } from "./tool.ts";

/** Compressed content that is still on its way here, and what it must hash to. */
export interface GrowingArchive {
  file: GrowingFile;
  digest: Digest;
}

/** Hashes a file as it grows and writes its bytes to a pipe's end, which it closes. */
export type FollowFile = (
  file: GrowingFile,
  digest: Digest,
  output: number,
  onProgress?: (bytes: number) => void,
) => Followed;

const pipeBytes = 1 << 20;
const SIGPIPE = 13;
const SIGKILL = 9;

/**
 * Decompresses a file that somebody else still writes. `finished` rejects with ContentMismatch when its bytes are not
 * those of the digest: it is known in any case, also when what came was no archive.
 *
 * @throws what kept the file from becoming whole; EngineError `not-implemented` when nothing here can decompress it.
 */
export const feedGrowing = async (
  { file, digest }: GrowingArchive,
  follow: FollowFile,
  options: FeedOptions = {},
): Promise<Feed> => {
  const { signal, onProgress } = options;
  const compression = detectCompression(await beginningOf(file, signal));
  const { read, write } = pipe(pipeBytes);
  const followed = follow(file, digest, write, onProgress);
  const verified = followed.finished.then(({ digest: found, sizeBytes }) => {
    if (found !== digest)
      throw new ContentMismatch(`content of ${sizeBytes} bytes has the digest ${found} instead of ${digest}`);
  });
  const abort = (): void => followed.cancel(signal?.reason);
  signal?.addEventListener("abort", abort);
  const unpacked = await decompress(read, compression, options).catch((error: unknown) => {
    followed.cancel(error);
    throw error;
  });
  const finished = Promise.allSettled([verified, unpacked.finished]).then(([checked, done]) => {
    signal?.removeEventListener("abort", abort);
    signal?.throwIfAborted();
    if (checked.status === "rejected") throw checked.reason;
    if (done.status === "rejected") throw done.reason;
  });
  finished.catch(() => {});
  return {
    fd: unpacked.fd,
    compression,
    finished,
    cancel: () => {
      followed.mute();
      unpacked.cancel();
    },
    [Symbol.dispose]: () => unpacked[Symbol.dispose](),
  };
};

/** Everything from a pipe, decompressed into another. */
const decompress = async (read: number, compression: Compression, options: FeedOptions): Promise<Feed> => {
  if (compression === "identity") {
    const nothing = (): void => {};
    return { fd: read, compression, finished: Promise.resolve(), cancel: nothing, [Symbol.dispose]: nothing };
  }
  const program = (options.programFor ?? decompressor)(compression);
  if (program === null)
    return feedStream(new Socket({ fd: read, readable: true, writable: false }), { programFor: options.programFor });
  const out = pipe(pipeBytes);
  try {
    const child = spawn(program, { stdin: read, stdout: out.write, env: {} });
    let runs = true;
    const finished = child.exited.then(({ code, signal }) => {
      runs = false;
      // A reader that went away ends it by SIGPIPE, which is no failure of the data.
      if (code !== 0 && signal !== SIGPIPE) throw new CompressionError(compression);
    });
    finished.catch(() => {});
    const cancel = (): void => void (runs && kill(child.pid, SIGKILL));
    return { fd: out.read, compression, finished, cancel, [Symbol.dispose]: () => {} };
  } catch (error) {
    closeSync(out.read);
    throw error;
  } finally {
    closeSync(read);
    closeSync(out.write);
  }
};

/** The first bytes of a growing file, as many as tell its compression. */
const beginningOf = async (file: GrowingFile, signal: AbortSignal | undefined): Promise<Buffer> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => void (file.availableBytes >= magicBytes && resolve());
  const end = file.onGrowth(look);
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    look();
    await Promise.race([promise, file.complete]);
    signal?.throwIfAborted();
  } finally {
    end();
    signal?.removeEventListener("abort", abort);
  }
  const start = Buffer.alloc(magicBytes);
  const fd = openSync(file.path, "r");
  try {
    return start.subarray(0, readSync(fd, start, 0, Math.min(magicBytes, file.availableBytes), 0));
  } finally {
    closeSync(fd);
  }
};
