import { closeSync } from "node:fs";
import { Readable } from "node:stream";
import { ContentMismatch } from "../blob/verify.ts";
import { TarError } from "./tar/error.ts";
import { feedFile, feedStream } from "../archive/feed.ts";
import type { Feed, FeedOptions } from "../archive/feed.ts";
import { socketpair } from "../../linux/socket/socketpair.ts";
import { feedGrowing } from "../archive/follow.ts";
import type { GrowingArchive } from "../archive/follow.ts";
import { openDirectory } from "../../linux/file/open.ts";
import { ArchiveStream } from "./archive-stream.ts";
import type { TreeKind } from "./changes/trees.ts";
import type { ExtractOptions } from "./extract/extract.ts";
import type { JournalPlace } from "./journal/rebuild.ts";
import type { PackOptions } from "./pack/pack.ts";
import type { Unpacked } from "./unpack.ts";
import type { ArchivePart, Jobs } from "./worker/job.ts";
import type { LayerWorkers } from "./worker/pool.ts";

/**
 * Where an archive comes from, compressed or not: a stream, a file of the host (which is faster), or a file that somebody
 * still writes, whose digest is checked besides.
 */
export type ArchiveSource = Readable | { path: string } | GrowingArchive;

/**
 * Unpacks a layer from a stream or file.
 *
 * @throws TarError for a bad archive, CompressionError, ContentMismatch for a growing archive of another digest (whatever
 * else is wrong with it), or what the source failed with.
 */
export const unpackFrom = (
  workers: LayerWorkers,
  source: ArchiveSource,
  place: JournalPlace,
  options: ExtractOptions & FeedOptions & { limitBytes?: number; sync?: boolean },
): Promise<Unpacked> => {
  const { signal, onProgress, ...rest } = options;
  return consume(workers, source, { signal, onProgress }, async (input) => {
    const { port, blocks, done } = workers.digesters.blocks();
    let isFinished = false;
    try {
      const unpacked = await workers.run("unpack", { input, place, options: rest, port, blocks });
      isFinished = true;
      return unpacked;
    } finally {
      done(isFinished);
    }
  });
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
export const rebuild = (workers: LayerWorkers, place: JournalPlace): ArchiveStream =>
  produce(workers, "rebuild", { place });

/** Bytes, files and layers one after the other. @param onWritten is called once all of it is written */
export const assemble = (
  workers: LayerWorkers,
  parts: readonly ArchivePart[],
  onWritten: () => void = () => {},
): ArchiveStream =>
  new ArchiveStream({
    run: async (output, framing) => {
      await workers.run("assemble", { parts, output, framing });
      onWritten();
    },
    abandon: () => {},
    closing: workers.closing,
  });

/** An archive of a directory, or of one name in it as the member `only.as`. Takes over `root` when it is a descriptor. */
export const pack = (
  workers: LayerWorkers,
  root: string | number,
  options: PackOptions & { only?: { name: string; as: string } } = {},
): ArchiveStream => {
  const { only, ...rest } = options;
  const directory = typeof root === "string" ? openDirectory(root) : root;
  const job = { root: directory, options: rest, ...(only === undefined ? {} : { only }) };
  return produce(workers, "pack", job, () => closeSync(directory));
};

/** An archive of what a tree changes that began as a copy or snapshot of another. */
export const packTreeChanges = (
  workers: LayerWorkers,
  root: string,
  parent: string | null,
  tree: TreeKind,
): ArchiveStream => produce(workers, "packChanges", { root, parent, tree });

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
    using feed = await feedOf(workers, source, { ...options, signal });
    const reading = read(feed.fd);
    reading.catch(() => feed.cancel());
    const [fed, done] = await Promise.allSettled([feed.finished, reading]);
    signal.throwIfAborted();
    // Bytes that are not what their digest says have no right to be an archive.
    if (fed.status === "rejected" && fed.reason instanceof ContentMismatch) throw fed.reason;
    // An archive that was cut off on our side is reported as what cut it off.
    const cutOff = done.status === "rejected" && done.reason instanceof TarError && done.reason.truncated;
    if (done.status === "rejected" && !(cutOff && fed.status === "rejected")) throw done.reason;
    if (fed.status === "rejected") throw fed.reason;
    return (done as PromiseFulfilledResult<Awaited<T>>).value;
  } finally {
    signal.removeEventListener("abort", abort);
  }
};

const feedOf = async (workers: LayerWorkers, source: ArchiveSource, options: FeedOptions): Promise<Feed> => {
  if (source instanceof ArchiveStream && source.isUntouched) return feedArchive(source);
  if (source instanceof Readable) return feedStream(source, options);
  if ("path" in source) return feedFile(source.path, options);
  const { digesters } = workers;
  return feedGrowing(source, (...file) => digesters.follow(...file), options);
};

/** From the thread that writes an archive straight to the one that reads it. Sockets, since those can be cut off. */
const feedArchive = (source: ArchiveStream): Feed => {
  const [read, write] = socketpair();
  const finished = source.handOver(write, "none");
  finished.catch(() => {});
  return {
    fd: read,
    compression: "identity",
    finished,
    cancel: () => void source.destroy(),
    [Symbol.dispose]: () => {},
  };
};

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error("aborted"));

/** A stream of what a job writes. @param abandon lets go of what the job would have closed */
const produce = <K extends WriterKind>(
  workers: LayerWorkers,
  kind: K,
  job: Omit<Jobs[K]["job"], "output" | "framing">,
  abandon: () => void = () => {},
): ArchiveStream =>
  new ArchiveStream({
    run: (output, framing) => workers.run(kind, { ...job, output, framing } as Jobs[K]["job"]),
    abandon,
    closing: workers.closing,
  });

type WriterKind = "rebuild" | "pack" | "packChanges";
