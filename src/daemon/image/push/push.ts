import { EngineError, invalidParameter, messageOf, notFound, systemError, unauthorized } from "../../../base/errors.ts";
import { withRepository } from "../../../oci/distribution/connect.ts";
import { CredentialsError, RegistryError } from "../../../oci/distribution/registry-error.ts";
import type { Platform } from "../../../oci/platform.ts";
import { parseReference } from "../../../oci/reference.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { RegistryAuthConfig } from "../../../wire/registry/auth.ts";
import type { ImageContext } from "../context.ts";
import { platformMismatch, runsOn } from "../find.ts";
import type { OnProgress } from "../progress.ts";
import type { ImageRecord } from "../record.ts";
import { imageEvent } from "../store.ts";
import { pushImage } from "./image.ts";
import { BlobKnowledge, mountsOf, sourcesOf } from "./knowledge.ts";

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
  const knowledge = new BlobKnowledge(context);
  const scopes = mountScopes(context, knowledge, reference, images);
  const client = { settings, userAgent, auth, signal, scopes, ...(retry === undefined ? {} : { retry }) };
  const place = { domain: reference.domain, path: reference.path };
  try {
    await withRepository(place, "pull,push", client, async (repository) => {
      const target = { context, repository, knowledge, auth, signal, tell };
      for (const [tag, record] of images) await pushImage(target, tag, record);
    });
  } catch (error) {
    throw pushError(error, signal);
  }
  const event = imageEvent("push", reference.familiar(), reference.familiarName, images[0]?.[1]);
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
  images: readonly [Reference, Readonly<ImageRecord>][],
): string[] => {
  const paths = new Set<string>();
  for (const [, record] of images)
    for (const diffId of record.config.rootfs.diff_ids)
      for (const { digest } of knowledge.forms(diffId))
        for (const path of mountsOf(sourcesOf(context, knowledge, digest, record), reference.name)) paths.add(path);
  return [...paths].slice(0, scopesMax).map((path) => `repository:${path}:pull`);
};

/** Most repositories besides the one that is pushed to that a token is asked for. */
const scopesMax = 16;
