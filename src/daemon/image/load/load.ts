import type { Readable } from "node:stream";
import { EngineError, invalidParameter, messageOf, systemError } from "../../../base/errors.ts";
import { TarError } from "../../../oci/layer/tar/error.ts";
import type { Platform } from "../../../oci/platform.ts";
import { DiffIdMismatch } from "../../content/layer.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import { chainIdsOf, maxConfigBytes, parseImageConfig, platformOf } from "../document.ts";
import { runsOn } from "../find.ts";
import type { OnProgress } from "../progress.ts";
import type { ImageRecord } from "../record.ts";
import { contentsOf } from "./contents.ts";
import type { ArchivedImage } from "./contents.ts";
import { Intake } from "./intake.ts";
import { placeLayer } from "./place.ts";
import { readTag, recordLoaded } from "./record.ts";
import type { LoadedImage } from "./record.ts";

const leaseMs = 24 * 60 * 60 * 1000;

export interface LoadOptions {
  /** No bars while layers are unpacked. */
  quiet?: boolean;
  /** Only images of this platform. */
  platform?: Platform | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Takes the images of an archive that `docker save` or another tool wrote. All of them come, or none.
 *
 * @throws EngineError in Docker's words.
 *
 * **Source:** Engine API, ImageLoad.
 */
export const loadImages = async (
  context: ImageContext,
  source: Readable,
  options: LoadOptions,
  tell: OnProgress,
): Promise<void> => {
  const { signal, platform } = options;
  try {
    await using lease = context.leases.open("load", leaseMs);
    const told: OnProgress = options.quiet === true ? () => undefined : tell;
    await using intake = new Intake(context, { lease, signal, tell: told });
    await intake.read(source);
    const { images, targets } = await contentsOf(context, intake.archive, lease, platform);
    const loaded = new Map<string, LoadedImage>();
    for (const image of images) {
      const one = await loadOne(context, image, lease, options, told);
      if (one === undefined) continue;
      const known = loaded.get(one.record.id);
      loaded.set(one.record.id, known === undefined ? one : joined(known, one));
    }
    signal?.throwIfAborted();
    for (const line of recordLoaded(context, [...loaded.values()], targets)) tell({ stream: line });
  } catch (error) {
    if (error instanceof EngineError) throw error;
    if (signal?.aborted) throw systemError("context canceled", error);
    const isMalformed = error instanceof TarError && !error.truncated;
    throw systemError(isMalformed ? `archive/tar: ${error.message}` : messageOf(error), error);
  } finally {
    source.destroy();
    await context.collect();
  }
};

/** Unpacks one image's layers; undefined for one of a platform that is not wanted. */
const loadOne = async (
  context: ImageContext,
  image: ArchivedImage,
  lease: ContentLease,
  { platform, signal }: LoadOptions,
  tell: OnProgress,
): Promise<LoadedImage | undefined> => {
  const config = parseImageConfig(await readConfig(context, image.config));
  const { os } = platformOf(config);
  if (os !== "linux") throw systemError(`cannot load ${os} image on linux`);
  const chain = chainIdsOf(config);
  const record: ImageRecord = {
    id: image.config,
    config,
    chainId: chain.at(-1) ?? null,
    parent: image.parent,
    lastTagTime: null,
    manifests: image.manifests,
    blobs: chain.map((_chainId, index) => image.blobs?.[index] ?? null),
  };
  if (platform !== undefined && !runsOn(record, platform)) return undefined;
  const [expected, actual] = [image.layers.length, chain.length];
  if (expected !== actual)
    throw systemError(`invalid manifest, layers length mismatch: expected ${expected}, got ${actual}`);
  const tags = image.tags.map(readTag);
  for (const [index, chainId] of chain.entries()) {
    lease.add("layer", chainId);
    if (context.layers.get(chainId) !== undefined) continue;
    const [file, diffId] = [image.layers[index], config.rootfs.diff_ids[index]];
    if (file === undefined || diffId === undefined) continue;
    try {
      await placeLayer(context, file, { parent: chain[index - 1] ?? null, chainId, diffId }, { lease, signal, tell });
    } catch (error) {
      if (!(error instanceof DiffIdMismatch)) throw error;
      throw systemError(
        `invalid diffID for layer ${index}: expected "${error.expected}", got "${error.actual}"`,
        error,
      );
    }
  }
  return { record, tags, isTold: image.untold !== true };
};

const readConfig = async (context: ImageContext, digest: string): Promise<Buffer> => {
  if (context.blobs.size(digest) > maxConfigBytes)
    throw invalidParameter(`image config is larger than ${maxConfigBytes} bytes`);
  return context.blobs.read(digest);
};

/** An image that an archive has twice, as it may have it for `manifest.json` and for its layout. */
const joined = (known: LoadedImage, again: LoadedImage): LoadedImage => ({
  record: {
    ...known.record,
    manifests: [...new Set([...known.record.manifests, ...again.record.manifests])],
    blobs: known.record.blobs.map((blob, index) => blob ?? again.record.blobs[index] ?? null),
  },
  isTold: known.isTold || again.isTold,
  tags: [...known.tags, ...again.tags],
});
