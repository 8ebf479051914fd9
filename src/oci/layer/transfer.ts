import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { TarError } from "./tar/error.ts";
import { feedFile, feedStream } from "../archive/feed.ts";
import type { FeedOptions } from "../archive/feed.ts";
import { openDirectory } from "../../linux/file/open.ts";
import { pipe } from "../../linux/file/pipe.ts";
import type { TreeKind } from "./changes/trees.ts";
import type { ExtractOptions } from "./extract/extract.ts";
import type { JournalPlace } from "./journal/rebuild.ts";
import type { PackOptions } from "./pack/pack.ts";
import type { Unpacked } from "./unpack.ts";
import type { Jobs } from "./worker/job.ts";
import type { LayerWorkers } from "./worker/pool.ts";

/** Where an archive comes from, compressed or not: a stream, or a file of the host (which is faster). */
export type ArchiveSource = Readable | { path: string };

const pipeBytes = 1 << 20;

/**
 * Unpacks a layer from a stream or file.
 *
 * @throws TarError for a bad archive, CompressionError, or what the source failed with.
 */
export const unpackFrom = (
  workers: LayerWorkers,
  source: ArchiveSource,
  place: JournalPlace,
  options: ExtractOptions & FeedOptions & { limitBytes?: number; sync?: boolean },
): Promise<Unpacked> => {
  const { signal, onProgress, ...rest } = options;
  return consume(workers, source, { signal, onProgress }, (input) =>
    workers.run("unpack", { input, place, options: rest }),
  );
};

/**
 * Extracts an archive below a directory: a path of the host, or an open descriptor that this takes over (of a
 * container's root, through which every name is resolved).
 *
 * @throws like `unpackFrom`.
 */
export const extractFrom = async (
  workers: LayerWorkers,
  source: ArchiveSource,
  root: string | number,
  options: ExtractOptions & FeedOptions,
): Promise<{ sizeBytes: number }> => {
  const { signal, onProgress, ...rest } = options;
  const directory = typeof root === "string" ? openDirectory(root) : root;
  let isGiven = false;
  try {
    return await consume(workers, source, { signal, onProgress }, (input) => {
      isGiven = true;
      return workers.run("extract", { input, root: directory, options: rest });
    });
  } finally {
    if (!isGiven) closeSync(directory);
  }
};

/** A layer's archive, byte for byte, from its files and its journal. */
export const rebuild = (workers: LayerWorkers, place: JournalPlace): Readable =>
  produce(workers, "rebuild", (output) => ({ place, output }));

/** An archive of a directory, or of one name in it as the member `only.as`. Takes over `root` when it is a descriptor. */
export const pack = (
  workers: LayerWorkers,
  root: string | number,
  options: PackOptions & { only?: { name: string; as: string } } = {},
): Readable => {
  const { only, ...rest } = options;
  const directory = typeof root === "string" ? openDirectory(root) : root;
  return produce(workers, "pack", (output) => ({
    root: directory,
    output,
    options: rest,
    ...(only === undefined ? {} : { only }),
  }));
};

/** An archive of what a tree changes that began as a copy or snapshot of another. */
export const packTreeChanges = (workers: LayerWorkers, root: string, parent: string | null, tree: TreeKind): Readable =>
  produce(workers, "packChanges", (output) => ({ root, parent, tree, output }));

/** Runs both sides and tells which failure came first in the chain of causes: source, then data, then reader. */
const consume = async <T>(
  workers: LayerWorkers,
  source: ArchiveSource,
  options: FeedOptions,
  read: (input: number) => Promise<T>,
): Promise<T> => {
  const signal = options.signal === undefined ? workers.closing : AbortSignal.any([options.signal, workers.closing]);
  signal.throwIfAborted();
  // A source that says nothing more hears of the abort this way alone.
  const abort = (): void => void (source instanceof Readable && source.destroy(toError(signal.reason)));
  signal.addEventListener("abort", abort);
  try {
    using feed = await (source instanceof Readable
      ? feedStream(source, { ...options, signal })
      : feedFile(source.path, { ...options, signal }));
    const reading = read(feed.fd);
    reading.catch(() => feed.cancel());
    const [fed, done] = await Promise.allSettled([feed.finished, reading]);
    signal.throwIfAborted();
    // An archive that was cut off on our side is reported as what cut it off.
    const cutOff = done.status === "rejected" && done.reason instanceof TarError && done.reason.truncated;
    if (done.status === "rejected" && !(cutOff && fed.status === "rejected")) throw done.reason;
    if (fed.status === "rejected") throw fed.reason;
    return (done as PromiseFulfilledResult<Awaited<T>>).value;
  } finally {
    signal.removeEventListener("abort", abort);
  }
};

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error("aborted"));

/** A stream of what a job writes. Destroying it ends the job at its next write. */
const produce = <K extends "rebuild" | "pack" | "packChanges">(
  workers: LayerWorkers,
  kind: K,
  job: (output: number) => Jobs[K]["job"],
): Readable => {
  const { read, write } = pipe(pipeBytes);
  const stream = new Socket({ fd: read, readable: true, writable: false });
  // The end of the pipe says nothing about success: the end of the stream is held back until the job has answered.
  const done = workers.run(kind, job(write));
  const close = (): void => void stream.destroy();
  workers.closing.addEventListener("abort", close);
  const forget = (): void => workers.closing.removeEventListener("abort", close);
  done.then(forget, forget);
  const archive = Readable.from(untilDone(stream, done), { objectMode: false });
  // A generator that was never begun is not ended either: this lets the job go when nobody reads.
  archive.once("close", close);
  return archive;
};

async function* untilDone(stream: Socket, job: Promise<unknown>): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield chunk as Buffer;
    await job;
  } finally {
    stream.destroy();
    await job.catch(() => {});
  }
}
