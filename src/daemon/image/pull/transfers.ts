import { availableParallelism } from "node:os";
import { Readable } from "node:stream";
import { SharedWork } from "../../../base/shared-work.ts";
import { Slots } from "../../../base/slots.ts";
import { messageOf, systemError } from "../../../base/errors.ts";
import { shortId } from "../../../base/ids.ts";
import { trimMemory } from "../../../linux/memory.ts";
import { ContentMismatch } from "../../../oci/blob/verify.ts";
import type { PartialBlob } from "../../../oci/blob/partial.ts";
import { downloadBlob } from "../../../oci/distribution/download.ts";
import { fetchBlob } from "../../../oci/distribution/fetch-blob.ts";
import {
  ContentError,
  RegistryError,
  TransportError,
  UnexpectedAnswerError,
} from "../../../oci/distribution/registry-error.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { ProgressMessage } from "../../../wire/engine/progress.ts";
import { DiffIdMismatch } from "../../content/layer.ts";
import type { ContentLease, ImageContext, StoredLayer } from "../context.ts";
import { barsOf, countBytes, statusOf } from "../progress.ts";
import type { OnProgress } from "../progress.ts";
import { LayerBlobs } from "./layer-blobs.ts";
import type { LayerBlob } from "./layer-blobs.ts";

/** The largest compressed layer. */
const maxBlobBytes = 256 * 1024 * 1024 * 1024;
const leaseMs = 60 * 60 * 1000;
/**
 * Most layers that are unpacked while they are downloaded. Each has a thread of 14 MB, and one with what feeds it takes
 * two cores: a second one on these was no faster.
 */
const unpackedMax = Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));

/** Where a layer belongs. */
export interface LayerPlace {
  /** The layer below: here, or fetched by an earlier call whose work still goes on. */
  parent: string | null;
  chainId: string;
  diffId: string;
}

interface Progress {
  signal?: AbortSignal | undefined;
  tell: OnProgress;
}

/**
 * Downloads layers and unpacks them meanwhile. Pulls that want the same layer at the same time share the work, and it
 * goes on while one of them still wants it.
 */
export class LayerTransfers {
  readonly #blobs = new LayerBlobs();
  readonly #layers = new SharedWork<StoredLayer, ProgressMessage>();
  readonly #documents = new SharedWork<void, ProgressMessage>();
  readonly #downloads: Slots;
  readonly #unpackings: Slots;

  /** @param maxDownloads layers that are downloaded at a time, by all pulls together */
  constructor(maxDownloads: number) {
    this.#downloads = new Slots(maxDownloads);
    this.#unpackings = new Slots(Math.min(maxDownloads, unpackedMax));
  }

  /**
   * Brings a layer into the store. The caller's lease must hold it already.
   *
   * @throws what the registry or the connection failed with; EngineError system for bytes of another digest, or
   * `failed to register layer: …`.
   */
  async fetch(
    context: ImageContext,
    repository: Repository,
    layer: Descriptor,
    place: LayerPlace,
    { signal, tell }: Progress,
  ): Promise<StoredLayer> {
    const id = shortId(layer.digest);
    const work = async (shared: AbortSignal, say: OnProgress): Promise<StoredLayer> => {
      const known = context.layers.get(place.chainId);
      if (known !== undefined) return known;
      await using lease = context.leases.open(`pull of layer ${layer.digest}`, leaseMs);
      lease.add("layer", place.chainId);
      lease.add("blob", layer.digest);
      const options = { lease, signal: shared, tell: say, below: this.#below(context, place.parent, shared) };
      if (!context.blobs.has(layer.digest)) return this.#download(context, repository, layer, place, options);
      say(statusOf(id, "Download complete"));
      const bars = barsOf(id, "Extracting", layer.size, say);
      const stored = await register(context, { path: context.blobs.path(layer.digest) }, place, {
        ...options,
        onProgress: bars.onProgress,
      });
      bars.end();
      return stored;
    };
    const stored = await this.#layers.run(place.chainId, work, { signal, onMessage: tell });
    tell(statusOf(id, "Pull complete"));
    return stored;
  }

  /**
   * Brings a blob into the store as it is: one that becomes no layer. The caller's lease must hold it already.
   *
   * @throws what the registry or the connection failed with; EngineError system for bytes of another digest.
   */
  async download(
    context: ImageContext,
    repository: Repository,
    blob: Descriptor,
    { signal, tell }: Progress,
  ): Promise<void> {
    const id = shortId(blob.digest);
    if (context.blobs.has(blob.digest)) return tell(statusOf(id, "Download complete"));
    const work = async (shared: AbortSignal, say: OnProgress): Promise<void> => {
      await using lease = context.leases.open(`download of ${blob.digest}`, leaseMs);
      lease.add("blob", blob.digest);
      if (!this.#downloads.isFree) say(statusOf(id, "Waiting"));
      using _place = await this.#downloads.take(shared);
      const count = countBytes(id, "Downloading", blob.size, say);
      const onRetry = (delayMs: number): void => say(statusOf(id, retryText(delayMs)));
      const options = { sizeBytes: blob.size, signal: shared, onRetry };
      const source = Readable.from(counted(downloadBlob(repository, blob.digest, options), count), {
        objectMode: false,
      });
      try {
        await context.blobs.ingest(blob.digest, source, { maxBytes: maxBlobBytes, signal: shared });
      } catch (error) {
        if (!(error instanceof ContentMismatch)) throw error;
        throw systemError(`filesystem layer verification failed for digest ${blob.digest}`, error);
      }
      say(statusOf(id, "Verifying Checksum"));
      say(statusOf(id, "Download complete"));
    };
    await this.#documents.run(blob.digest, work, { signal, onMessage: tell });
  }

  /** The layer below, once it is here. Whoever waits keeps that work alive, as one who wants it. */
  #below(context: ImageContext, parent: string | null, signal: AbortSignal): Below {
    if (parent === null || context.layers.get(parent) !== undefined) return parent;
    const gone = (): Promise<never> => Promise.reject(new Error(`the layer below is not here: ${parent}`));
    const below = this.#layers.run(parent, gone, { signal, onMessage: () => {} }).then(() => parent);
    below.catch(() => {});
    return below;
  }

  async #download(
    context: ImageContext,
    repository: Repository,
    layer: Descriptor,
    place: LayerPlace,
    options: { lease: ContentLease; signal: AbortSignal; tell: OnProgress; below: Below },
  ): Promise<StoredLayer> {
    const { signal, tell } = options;
    // Bytes that an earlier pull left may be wrong: those of this one are not, unless the registry's are.
    for (;;) {
      const blob = this.#blobs.use(
        layer.digest,
        () => context.blobs.partials.open(layer.digest, layer.size),
        (partial, shared, say) => this.#fetchBytes(repository, layer, partial, shared, say),
        { signal, tell, keep: (partial) => context.blobs.adopt(partial) },
      );
      const { digest } = layer;
      let outcome: "used" | "kept" | "unused" | "bad" = "unused";
      try {
        const extracting = barsWhenDownloaded(blob, layer, tell);
        const stored = await register(context, { file: blob.partial, digest }, place, {
          ...options,
          onProgress: extracting.onProgress,
          turn: (aborted) => this.#unpackings.take(aborted),
        });
        extracting.end();
        // Most of what a layer's bytes passed through is free now, in between what is not.
        trimMemory();
        outcome = context.keepLayerBlobs && blob.partial.isWhole ? "kept" : "used";
        return stored;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ContentMismatch)) throw error;
        outcome = "bad";
        if (blob.partial.resumedBytes === 0)
          throw systemError(`filesystem layer verification failed for digest ${digest}`, error);
      } finally {
        blob.release(outcome);
      }
    }
  }

  async #fetchBytes(
    repository: Repository,
    layer: Descriptor,
    partial: PartialBlob,
    signal: AbortSignal,
    tell: OnProgress,
  ): Promise<void> {
    const id = shortId(layer.digest);
    if (!this.#downloads.isFree) tell(statusOf(id, "Waiting"));
    using _place = await this.#downloads.take(signal);
    const count = countBytes(id, "Downloading", layer.size, tell);
    count(partial.resumedBytes);
    await fetchBlob(repository, partial, {
      maxBytes: maxBlobBytes,
      urls: layer.urls,
      signal,
      onBytes: count,
      onRetry: (delayMs) => tell(statusOf(id, retryText(delayMs))),
    });
    tell(statusOf(id, "Verifying Checksum"));
    tell(statusOf(id, "Download complete"));
  }
}

/** The chain id of the layer below, once that is here. */
type Below = string | null | Promise<string | null>;

type Registration = Parameters<ImageContext["layers"]["register"]>;

/** Unpacks a layer and puts what goes wrong in Docker's words. */
const register = async (
  context: ImageContext,
  source: Registration[1],
  { diffId, chainId }: LayerPlace,
  options: Omit<Registration[2], "diffId" | "chainId"> & { below: Below; tell?: OnProgress },
): Promise<StoredLayer> => {
  const { tell: _, below, ...rest } = options;
  try {
    return await context.layers.register(below, source, { ...rest, diffId, chainId });
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof ContentMismatch || isDownloadError(error)) throw error;
    if (error instanceof DiffIdMismatch)
      throw systemError("layers from manifest don't match image configuration", error);
    throw systemError(`failed to register layer: ${messageOf(error)}`, error);
  }
};

/**
 * The bars of unpacking, one a layer with those of the download: they begin when that has ended, with what was unpacked
 * by then.
 */
const barsWhenDownloaded = (
  { downloaded }: LayerBlob,
  layer: Descriptor,
  tell: OnProgress,
): { onProgress: (bytes: number) => void; end: () => void } => {
  let bars: ReturnType<typeof barsOf> | undefined;
  let taken = 0;
  const begin = (): ReturnType<typeof barsOf> => {
    bars ??= barsOf(shortId(layer.digest), "Extracting", layer.size, tell);
    if (taken > 0) bars.onProgress(taken);
    return bars;
  };
  downloaded.then(begin, () => {});
  return {
    onProgress: (bytes) => {
      taken = bytes;
      bars?.onProgress(bytes);
    },
    end: () => begin().end(),
  };
};

const downloadErrors = [ContentError, RegistryError, TransportError, UnexpectedAnswerError];
const isDownloadError = (error: unknown): boolean => downloadErrors.some((type) => error instanceof type);

async function* counted(chunks: AsyncIterable<Buffer>, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

const retryText = (delayMs: number): string => {
  const seconds = Math.max(1, Math.round(delayMs / 1000));
  return `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`;
};
