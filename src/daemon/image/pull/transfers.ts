import { Readable } from "node:stream";
import { SharedWork } from "../../../base/shared-work.ts";
import { Slots } from "../../../base/slots.ts";
import { messageOf, systemError } from "../../../base/errors.ts";
import { ContentMismatch } from "../../../oci/blob/verify.ts";
import { downloadBlob } from "../../../oci/distribution/download.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { ProgressMessage } from "../../../wire/engine/progress.ts";
import { DiffIdMismatch } from "../../content/layer.ts";
import type { ImageContext, StoredLayer } from "../context.ts";
import { barsOf, countBytes, statusOf } from "../progress.ts";
import type { OnProgress } from "../progress.ts";
import { shortId } from "../../../base/ids.ts";

/** The largest compressed layer. */
const maxBlobBytes = 256 * 1024 * 1024 * 1024;
const leaseMs = 60 * 60 * 1000;

interface Progress {
  signal?: AbortSignal | undefined;
  tell: OnProgress;
}

/**
 * Downloads and unpacks layers. Pulls that want the same layer at the same time share the work, and it goes on while
 * one of them still wants it.
 */
export class LayerTransfers {
  readonly #downloads = new SharedWork<void, ProgressMessage>();
  readonly #registrations = new SharedWork<StoredLayer, ProgressMessage>();
  readonly #slots: Slots;

  /** @param maxDownloads layers that are downloaded at a time, by all pulls together */
  constructor(maxDownloads: number) {
    this.#slots = new Slots(maxDownloads);
  }

  /**
   * Brings a layer's blob into the store. The caller's lease must hold the blob already.
   *
   * @throws what the registry or the connection failed with; EngineError system for bytes of another digest.
   */
  async download(
    context: ImageContext,
    repository: Repository,
    layer: Descriptor,
    { signal, tell }: Progress,
  ): Promise<void> {
    const id = shortId(layer.digest);
    if (context.blobs.has(layer.digest)) return tell(statusOf(id, "Download complete"));
    const work = async (shared: AbortSignal, say: OnProgress): Promise<void> => {
      await using lease = context.leases.open(`download of ${layer.digest}`, leaseMs);
      lease.add("blob", layer.digest);
      if (!this.#slots.isFree) say(statusOf(id, "Waiting"));
      using _place = await this.#slots.take(shared);
      const count = countBytes(id, "Downloading", layer.size, say);
      const onRetry = (delayMs: number): void => say(statusOf(id, retryText(delayMs)));
      const options = { sizeBytes: layer.size, signal: shared, onRetry };
      const source = Readable.from(counted(downloadBlob(repository, layer.digest, options), count), {
        objectMode: false,
      });
      try {
        await context.blobs.ingest(layer.digest, source, { maxBytes: maxBlobBytes, signal: shared });
      } catch (error) {
        if (!(error instanceof ContentMismatch)) throw error;
        throw systemError(`filesystem layer verification failed for digest ${layer.digest}`, error);
      }
      say(statusOf(id, "Verifying Checksum"));
      say(statusOf(id, "Download complete"));
    };
    await this.#downloads.run(layer.digest, work, { signal, onMessage: tell });
  }

  /**
   * Unpacks a downloaded blob on top of `parent`. The caller's lease must hold the layer already.
   *
   * @throws EngineError system `failed to register layer: …`
   */
  async register(
    context: ImageContext,
    layer: Descriptor,
    place: { parent: string | null; chainId: string; diffId: string },
    { signal, tell }: Progress,
  ): Promise<StoredLayer> {
    const id = shortId(layer.digest);
    const work = async (shared: AbortSignal, say: OnProgress): Promise<StoredLayer> => {
      const known = context.layers.get(place.chainId);
      if (known !== undefined) return known;
      await using lease = context.leases.open(`unpacking of ${layer.digest}`, leaseMs);
      lease.add("layer", place.chainId);
      lease.add("blob", layer.digest);
      const bars = barsOf(id, "Extracting", layer.size, say);
      try {
        const stored = await context.layers.register(
          place.parent,
          { path: context.blobs.path(layer.digest) },
          { diffId: place.diffId, lease, signal: shared, onProgress: bars.onProgress },
        );
        bars.end();
        return stored;
      } catch (error) {
        if (shared.aborted) throw error;
        if (error instanceof DiffIdMismatch)
          throw systemError("layers from manifest don't match image configuration", error);
        throw systemError(`failed to register layer: ${messageOf(error)}`, error);
      }
    };
    const registered = await this.#registrations.run(place.chainId, work, { signal, onMessage: tell });
    tell(statusOf(id, "Pull complete"));
    return registered;
  }
}

const retryText = (delayMs: number): string => {
  const seconds = Math.max(1, Math.round(delayMs / 1000));
  return `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`;
};

async function* counted(chunks: AsyncIterable<Buffer>, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}
