import { EngineError, invalidParameter, messageOf, systemError, unauthorized } from "../../../base/errors.ts";
import { sha256 } from "../../../oci/digest.ts";
import { withRepository } from "../../../oci/distribution/connect.ts";
import { CredentialsError, RegistryError } from "../../../oci/distribution/registry-error.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import { putManifest, uploadBytes } from "../../../oci/distribution/upload.ts";
import { mediaType } from "../../../oci/media-type.ts";
import type { Platform } from "../../../oci/platform.ts";
import { parseReference } from "../../../oci/reference.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { RegistryAuthConfig } from "../../../wire/registry/auth.ts";
import type { ImageContext } from "../context.ts";
import { chainIdsOf, maxConfigBytes } from "../document.ts";
import { platformMismatch, runsOn } from "../find.ts";
import { notFound } from "../../../base/errors.ts";
import type { OnProgress } from "../progress.ts";
import type { ImageRecord, LayerBlob } from "../record.ts";
import { imageEvent } from "../store.ts";
import { knownBlobs, pushLayers } from "./layers.ts";

const leaseMs = 24 * 60 * 60 * 1000;

export interface PushOptions {
  auth?: RegistryAuthConfig | undefined;
  platform?: Platform | undefined;
  signal?: AbortSignal | undefined;
}

/** The images to push: that of the tag, or of all tags of the name. */
const imagesToPush = (context: ImageContext, reference: Reference): [Reference, Readonly<ImageRecord>][] => {
  const own: [Reference, Readonly<ImageRecord>][] = [];
  let isKnown = false;
  for (const [known, imageId] of context.store.references()) {
    if (known.name !== reference.name) continue;
    isKnown = true;
    const record = context.store.get(imageId);
    const isWanted = reference.tag === undefined || known.tag === reference.tag;
    if (known.digest === undefined && isWanted && record !== undefined) own.push([known, record]);
  }
  if (!isKnown) throw systemError(`An image does not exist locally with the tag: ${reference.familiarName}`);
  if (reference.digest !== undefined) throw invalidParameter("cannot push a digest reference");
  if (own.length > 0) return own;
  throw systemError(
    reference.tag === undefined
      ? `no tags to push for ${reference.familiarName}`
      : `tag does not exist: ${reference.familiar()}`,
  );
};

/**
 * Pushes a tag, or all tags of a name: layers that the registry lacks, configurations, manifests.
 *
 * @param name with its tag; without one all tags are pushed
 * @throws EngineError in Docker's words
 *
 * **Source:** Engine API, ImagePush.
 */
export const pushImages = async (
  context: ImageContext,
  name: string,
  options: PushOptions,
  tell: OnProgress,
): Promise<void> => {
  const reference = parseReference(name);
  const { auth, signal, platform } = options;
  tell({ status: `The push refers to repository [${reference.name}]` });
  const images = imagesToPush(context, reference);
  for (const [tag, record] of images)
    if (platform !== undefined && !runsOn(record, platform))
      throw notFound(platformMismatch(tag.familiar(), record, platform));
  const { settings, userAgent, retry } = context.registry;
  const client = {
    settings,
    userAgent,
    auth,
    signal,
    scopes: mountScopes(context, reference, images),
    ...(retry === undefined ? {} : { retry }),
  };
  try {
    await withRepository(
      { domain: reference.domain, path: reference.path },
      "pull,push",
      client,
      async (repository) => {
        for (const [tag, record] of images) await pushOne(context, repository, tag, record, { signal, tell });
      },
    );
  } catch (error) {
    if (error instanceof EngineError) throw error;
    if (signal?.aborted) throw systemError("context canceled", error);
    if (error instanceof CredentialsError) throw systemError(error.reason, error);
    const isUnauthorized = error instanceof RegistryError && error.code === "UNAUTHORIZED";
    throw (isUnauthorized ? unauthorized : systemError)(messageOf(error), error);
  }
  const event = imageEvent("push", reference.familiar(), reference.familiarName, images[0]?.[1]);
  context.database.emit(event);
};

/** What a token must also allow, so that layers can be mounted from other repositories of the registry. */
const mountScopes = (
  context: ImageContext,
  reference: Reference,
  images: readonly [Reference, Readonly<ImageRecord>][],
): string[] => {
  const scopes = new Set<string>();
  for (const [, record] of images)
    for (const diffId of record.config.rootfs.diff_ids)
      for (const { repositories } of knownBlobs(context, diffId))
        for (const place of repositories) {
          const [domain, path] = [place.slice(0, place.indexOf("/")), place.slice(place.indexOf("/") + 1)];
          if (domain === reference.domain && path !== reference.path) scopes.add(`repository:${path}:pull`);
        }
  return [...scopes];
};

const pushOne = async (
  context: ImageContext,
  repository: Repository,
  tag: Reference,
  record: Readonly<ImageRecord>,
  options: { signal: AbortSignal | undefined; tell: OnProgress },
): Promise<void> => {
  const { signal, tell } = options;
  await using lease = context.leases.open(`push of ${tag.toString()}`, leaseMs);
  lease.add("blob", record.id);
  const chain = chainIdsOf(record.config);
  for (const chainId of chain) lease.add("layer", chainId);
  const parts = chain.map((chainId, index) => ({ chainId, diffId: record.config.rootfs.diff_ids[index] ?? "" }));
  const layers = await pushLayers(context, repository, parts, options);
  const config = await context.blobs.read(record.id);
  if ((await repository.statBlob(record.id, signal)) === undefined)
    await uploadBytes(repository, record.id, config, signal);
  const bytes = manifestOf(record.id, config.length, layers);
  const digest = sha256(bytes);
  const name = tag.tag ?? "latest";
  await putManifest(repository, name, { bytes, digest, mediaType: mediaType.dockerManifest }, signal);
  tell({ status: `${name}: digest: ${digest} size: ${bytes.length}` });
  lease.add("blob", digest);
  await context.blobs.ingest(digest, bytes, { maxBytes: maxConfigBytes });
  remember(context, repository, tag, record.id, { layers, digest });
  tell({ progressDetail: {}, aux: { Tag: name, Digest: digest, Size: bytes.length } });
};

/** As Docker lays it out: three spaces of indentation, so that the digest is what it would be there. */
const manifestOf = (id: string, size: number, layers: readonly Descriptor[]): Buffer =>
  Buffer.from(
    JSON.stringify(
      {
        schemaVersion: 2,
        mediaType: mediaType.dockerManifest,
        config: { mediaType: mediaType.dockerConfig, size, digest: id },
        layers,
      },
      null,
      3,
    ),
  );

/** Notes the digest's name and where the layers are now, so that the next push need not send them. */
const remember = (
  context: ImageContext,
  repository: Repository,
  tag: Reference,
  id: string,
  pushed: { layers: readonly Descriptor[]; digest: string },
): void => {
  const place = `${repository.client.endpoint.host}/${repository.path}`;
  context.database.transaction((transaction) => {
    const record = context.store.get(id);
    if (record === undefined) return;
    const blobs = pushed.layers.map(({ digest, size, mediaType: type }): LayerBlob => ({
      digest,
      size,
      mediaType: type,
      repositories: [place],
    }));
    const byDigest = tag.withDigest(pushed.digest);
    context.store.putImage(transaction, context.store.merged({ ...record, manifests: [pushed.digest], blobs }));
    if (context.store.named(byDigest) === undefined) context.store.putReference(transaction, byDigest, id);
  });
};
