import { EngineError, invalidParameter, messageOf, notFound, systemError, unauthorized } from "../../../base/errors.ts";
import { withRepository } from "../../../oci/distribution/connect.ts";
import { CredentialsError, RegistryError } from "../../../oci/distribution/registry-error.ts";
import type { Platform } from "../../../oci/platform.ts";
import { parseReference } from "../../../oci/reference.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { RegistryAuthConfig } from "../../../wire/registry/auth.ts";
import type { ImageContext } from "../context.ts";
import { platformMismatch } from "../find.ts";
import { imageFor } from "../platforms.ts";
import type { OnProgress } from "../progress.ts";
import { imageEvent } from "../store.ts";
import { holdImage, leaseMs, pushTag } from "./image.ts";
import type { Pushed } from "./image.ts";
import { BlobKnowledge, mountsOf, sourcesOf } from "./knowledge.ts";
import { isWholeIndex } from "./tree.ts";

export interface PushOptions {
  auth?: RegistryAuthConfig | undefined;
  platform?: Platform | undefined;
  signal?: AbortSignal | undefined;
}

/** The names to push: a tag, or all tags of the name. */
const tagsToPush = ({ store }: ImageContext, reference: Reference): Reference[] => {
  const all = [...store.references()].map(([known]) => known).filter(({ name }) => name === reference.name);
  if (all.length === 0) throw systemError(`An image does not exist locally with the tag: ${reference.familiarName}`);
  if (reference.digest !== undefined) throw invalidParameter("cannot push a digest reference");
  const tags = all.filter(({ digest }) => digest === undefined);
  const own = tags.filter(({ tag }) => reference.tag === undefined || tag === reference.tag);
  if (own.length > 0) return own;
  throw systemError(
    reference.tag === undefined
      ? `no tags to push for ${reference.familiarName}`
      : `tag does not exist: ${reference.familiar()}`,
  );
};

/** What a tag stands for: one image, or a whole index when all of it is here and no platform is asked for. */
const pushedOf = ({ store }: ImageContext, tag: Reference, platform: Platform | undefined): Pushed => {
  const found = store.reference(tag);
  const primary = store.named(tag);
  if (found === undefined || primary === undefined)
    throw systemError(`An image does not exist locally with the tag: ${tag.familiarName}`);
  const { target } = found;
  if (platform !== undefined) {
    const record = imageFor(store.platformsOf(found), platform)?.image;
    if (record === undefined) throw notFound(platformMismatch(tag.familiar(), primary, platform));
    return { tag, record, target, index: null };
  }
  return { tag, record: primary, target, index: target !== null && isWholeIndex(store, target) ? target : null };
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
  const images = tagsToPush(context, reference).map((tag) => pushedOf(context, tag, platform));
  const { settings, userAgent, retry } = context.registry;
  const knowledge = new BlobKnowledge(context);
  const scopes = mountScopes(context, knowledge, reference, images);
  const client = { settings, userAgent, auth, signal, scopes, ...(retry === undefined ? {} : { retry }) };
  const place = { domain: reference.domain, path: reference.path };
  try {
    // From now on: a name may be removed before the registry has answered.
    await using lease = context.leases.open(`push of ${name}`, leaseMs);
    for (const { record } of images) holdImage(record, lease);
    await withRepository(place, "pull,push", client, async (repository) => {
      const target = { context, repository, knowledge, auth, signal, tell };
      for (const image of images) await pushTag(target, image);
    });
  } catch (error) {
    throw pushError(error, signal);
  } finally {
    // What was removed meanwhile.
    await context.collect();
  }
  const event = imageEvent("push", reference.familiar(), reference.familiarName, images[0]?.record);
  context.database.emit(event);
};

/** Puts what a push met into Docker's words. */
export const pushError = (error: unknown, signal: AbortSignal | undefined): EngineError => {
  if (error instanceof EngineError) return error;
  if (signal?.aborted) return systemError("context canceled", error);
  if (error instanceof CredentialsError) return systemError(error.reason, error);
  const isUnauthorized = error instanceof RegistryError && error.code === "UNAUTHORIZED";
  return (isUnauthorized ? unauthorized : systemError)(messageOf(error), error);
};

/** What a token must also allow, so that layers can be mounted from other repositories of the registry. */
const mountScopes = (
  context: ImageContext,
  knowledge: BlobKnowledge,
  reference: Reference,
  images: readonly Pushed[],
): string[] => {
  const paths = new Set<string>();
  for (const { record } of images)
    for (const diffId of record.config.rootfs.diff_ids)
      for (const { digest } of knowledge.forms(diffId))
        for (const path of mountsOf(sourcesOf(context, knowledge, digest, record), reference.name)) paths.add(path);
  return [...paths].slice(0, scopesMax).map((path) => `repository:${path}:pull`);
};

/** Most repositories besides the one that is pushed to that a token is asked for. */
const scopesMax = 16;
