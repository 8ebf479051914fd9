import { forbidden, systemError } from "../../../base/errors.ts";
import { withRepository } from "../../../oci/distribution/connect.ts";
import { TransportError } from "../../../oci/distribution/registry-error.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import type { Platform } from "../../../oci/platform.ts";
import { parseReference } from "../../../oci/reference.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { OciImageConfig } from "../../../wire/oci/image-config.ts";
import type { ImageManifest } from "../../../wire/oci/manifest.ts";
import type { RegistryAuthConfig } from "../../../wire/registry/auth.ts";
import type { EventInput } from "../../event/event.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import { chainIdsOf, maxConfigBytes, parseImageConfig, platformOf } from "../document.ts";
import { downloadConfig } from "../download-config.ts";
import { platformMismatch } from "../find.ts";
import { imageFor, imagesOfTarget } from "../platforms.ts";
import type { OnProgress } from "../progress.ts";
import type { ImageRecord } from "../record.ts";
import { imageEvent } from "../store.ts";
import { isDiskFull, pullError } from "./errors.ts";
import { fetchLayers } from "./layers.ts";
import { resolveManifest } from "./manifest.ts";
import type { Resolved, ResolvedManifest } from "./manifest.ts";

/** How long a pull keeps its content when the daemon dies in the middle. */
const leaseMs = 24 * 60 * 60 * 1000;

export interface PullOptions {
  auth?: RegistryAuthConfig | undefined;
  platform?: Platform | undefined;
  /** The whole index, with the images of every platform. `platform` says nothing then. */
  allPlatforms?: boolean;
  /** All tags of the repository. */
  all?: boolean;
  signal?: AbortSignal | undefined;
}

/**
 * Pulls an image, or all of a repository, and names it. Nothing stays of a pull that fails or is aborted.
 *
 * @throws EngineError not-found, unauthorized, forbidden, invalid-parameter or system, in Docker's words. Until the
 * first progress message nothing has been said, so the error can still be the answer's status.
 *
 * **Source:** Engine API, ImageCreate.
 */
export const pullImage = async (
  context: ImageContext,
  name: string,
  options: PullOptions,
  tell: OnProgress,
): Promise<void> => {
  const parsed = parseReference(name);
  if (parsed.familiarName === "scratch") throw forbidden("'scratch' is a reserved name");
  const all = options.all === true && parsed.tag === undefined && parsed.digest === undefined;
  const reference = all ? parsed : parsed.withDefaultTag();
  const { settings, userAgent, retry } = context.registry;
  const { auth, signal } = options;
  const client = { settings, userAgent, auth, signal, ...(retry === undefined ? {} : { retry }) };
  const place = { domain: reference.domain, path: reference.path };
  try {
    await withRepository(place, "pull", client, async (repository) => {
      const tags = all ? (await repository.tags(signal)).map((tag) => reference.withTag(tag)) : [reference];
      let isNew = false;
      for (const tag of tags) isNew = (await pullOne(context, repository, tag, { ...options, all }, tell)) || isNew;
      const state = isNew ? "Downloaded newer image" : "Image is up to date";
      tell({ status: `Status: ${state} for ${reference.familiar()}` });
      if (all) context.database.emit(pullEvent(reference, undefined));
    });
  } catch (error) {
    // What is kept to go on with is what fills the disk.
    if (isDiskFull(error)) {
      context.leases.dropLeft();
      context.blobs.partials.prune({ all: true });
    }
    throw pullError(error, reference, signal);
  } finally {
    await context.collect();
  }
  warnOfPlatform(context, reference, options.platform, tell);
};

const pullEvent = (reference: Reference, record: Readonly<ImageRecord> | undefined): EventInput =>
  imageEvent("pull", reference.familiar(), reference.familiarName, record);

/** One tag or digest. True when it named something else before, or nothing. */
const pullOne = async (
  context: ImageContext,
  repository: Repository,
  reference: Reference,
  options: PullOptions,
  tell: OnProgress,
): Promise<boolean> => {
  const { signal } = options;
  const { store } = context;
  await using lease = context.leases.open(`pull of ${reference.toString()}`, leaseMs, { survives: true });
  const wanted =
    reference.digest === undefined
      ? { tag: reference.tag ?? "latest" }
      : { digest: reference.digest, known: store.named(reference) !== undefined };
  const label = reference.digest === undefined ? (reference.tag ?? "latest") : reference.toString();
  const found = await resolveManifest(context, repository, wanted, {
    platform: options.allPlatforms === true ? "all" : options.platform,
    lease,
    signal,
    onFound: () => tell({ status: `Pulling from ${reference.path}`, id: label }),
  });
  const images: ImageRecord[] = [];
  try {
    for (const image of found.images)
      images.push(await fetchImage(context, repository, image, { lease, signal, tell }));
  } catch (error) {
    // The line was lost, not the content refused: the layers that came are there for the next attempt.
    if (error instanceof TransportError) lease.leave();
    throw error;
  }
  for (const artifact of found.artifacts)
    await fetchArtifact(context, repository, artifact.manifest, { lease, signal, tell });
  signal?.throwIfAborted();
  tell({ status: `Digest: ${found.digest}` });
  return record(context, reference, found, images, options.all !== true);
};

/**
 * Records what was pulled in one transaction: the images, their manifests, the name and the name by digest. What is here
 * of other platforms of the same index stays. True when an image is new to the name.
 */
const record = (
  context: ImageContext,
  reference: Reference,
  found: Resolved,
  images: readonly ImageRecord[],
  announce: boolean,
): boolean => {
  const { store } = context;
  const before = store.reference(reference);
  const known = new Set(before === undefined ? [] : store.platformsOf(before).map(({ image }) => image.id));
  const manifests = new Map(
    [...found.images, ...found.artifacts].flatMap(({ documents }) => documents).map((one) => [one.digest, one]),
  );
  const merged = new Map(images.map((image) => [image.id, store.merged(image)]));
  const all = imagesOfTarget(
    {
      get: (id) => merged.get(id) ?? store.get(id),
      manifest: (digest) => manifests.get(digest) ?? store.manifest(digest),
    },
    found.digest,
  );
  const primary = store.primaryOf(all)?.image ?? images[0];
  if (primary === undefined) throw systemError("the manifest list has no image");
  const others = store.namesOfTarget(found.digest);
  const byDigest = reference.withDigest(found.digest);
  context.database.transaction((transaction) => {
    for (const image of merged.values()) store.putImage(transaction, image);
    for (const manifest of manifests.values()) store.putManifest(transaction, manifest);
    // Other names of the index have the new platform with it.
    for (const name of [...others.tags, ...others.digests, byDigest])
      store.putReference(transaction, name, primary.id, found.digest);
    if (reference.digest === undefined) store.putReference(transaction, reference, primary.id, found.digest);
    if (announce) transaction.emit(pullEvent(reference, primary));
  });
  return images.some(({ id }) => !known.has(id));
};

/** Brings the configuration and the layers of a manifest here. */
const fetchImage = async (
  context: ImageContext,
  repository: Repository,
  { manifest, documents }: ResolvedManifest,
  options: { lease: ContentLease; signal: AbortSignal | undefined; tell: OnProgress },
): Promise<ImageRecord> => {
  const { lease, signal } = options;
  const id = manifest.config.digest;
  lease.add("blob", id);
  const known = context.store.get(id);
  const config =
    known !== undefined && context.blobs.has(id)
      ? known.config
      : await fetchConfig(context, repository, manifest.config, signal);
  if (config.rootfs.diff_ids.length !== manifest.layers.length)
    throw systemError("layers from manifest don't match image configuration");
  const { os } = platformOf(config);
  if (os !== "linux")
    throw systemError(
      `image operating system ${JSON.stringify(os)} cannot be used on this platform: operating system is not supported`,
    );
  const chain = chainIdsOf(config);
  for (const chainId of chain) lease.add("layer", chainId);
  const isWhole = known !== undefined && chain.every((chainId) => context.layers.get(chainId) !== undefined);
  const fetched = isWhole ? [] : await fetchLayers(context, repository, manifest, config, options);
  const { place } = repository;
  return {
    id,
    config,
    chainId: chain.at(-1) ?? null,
    parent: null,
    lastTagTime: null,
    manifests: documents.map(({ digest }) => digest),
    blobs: manifest.layers.map(({ digest, size, mediaType }, index) =>
      fetched[index] === true ? { digest, size, mediaType, repositories: [place] } : null,
    ),
  };
};

/** Brings what a manifest names here as it is: an attestation, an image for another system. */
const fetchArtifact = async (
  context: ImageContext,
  repository: Repository,
  { config, layers }: ImageManifest,
  { lease, signal, tell }: { lease: ContentLease; signal: AbortSignal | undefined; tell: OnProgress },
): Promise<void> => {
  // What may not be handed on is left where it is.
  const own = [config, ...layers].filter(({ mediaType }) => !/nondistributable|\.foreign\./.test(mediaType));
  for (const blob of own) {
    lease.add("blob", blob.digest);
    await context.transfers.download(context, repository, blob, { signal, tell });
  }
};

const fetchConfig = async (
  context: ImageContext,
  repository: Repository,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<OciImageConfig> => {
  const bytes = await downloadConfig(repository, descriptor, signal);
  const config = parseImageConfig(bytes, "invalid rootfs in image configuration");
  await context.blobs.ingest(descriptor.digest, bytes, { maxBytes: maxConfigBytes });
  return config;
};

/** An image of one platform only may be of another than was asked for; Docker says so and keeps it. */
const warnOfPlatform = (
  context: ImageContext,
  reference: Reference,
  platform: Platform | undefined,
  tell: OnProgress,
): void => {
  const named = context.store.reference(reference);
  const record = context.store.named(reference);
  if (platform === undefined || named === undefined || record === undefined) return;
  if (imageFor(context.store.platformsOf(named), platform) !== undefined) return;
  tell({ status: `WARNING: ${platformMismatch(reference.toString(), record, platform)}` });
};
