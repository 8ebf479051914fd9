import { EngineError, notFound } from "../../base/errors.ts";
import { formatPlatform } from "../../oci/platform.ts";
import type { Platform } from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Reference } from "../../oci/reference.ts";
import { platformOf } from "./document.ts";
import { imageFor, runsOn } from "./platforms.ts";
import type { ImageRecord } from "./record.ts";
import type { ImageStore } from "./store.ts";

const fullId = /^(?:sha256:)?([0-9a-f]{64})$/;

/** What a person may call an image by, read: a whole id, or a name (which may also turn out to be the start of an id). */
type ImageName = { id: string } | { reference: Reference };

const readName = (text: string): ImageName => {
  const id = fullId.exec(text)?.[1];
  return id === undefined ? { reference: parseReference(text).withDefaultTag() } : { id: `sha256:${id}` };
};

const lookUp = (store: ImageStore, text: string, name: ImageName): Readonly<ImageRecord> | undefined =>
  ("id" in name ? store.get(name.id) : (store.named(name.reference) ?? store.withPrefix(text))) ??
  store.withManifest(text);

/** Whether a text is a name that is here, and not the id of an image, of its manifest, or the start of one. */
export const isName = (store: ImageStore, text: string): boolean => {
  const name = readName(text);
  return "reference" in name && store.reference(name.reference) !== undefined;
};

/** The image that an id, the start of an id or a name stands for; undefined when there is none, or no such name. */
export const findImage = (store: ImageStore, text: string): Readonly<ImageRecord> | undefined => {
  try {
    return lookUp(store, text, readName(text));
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
};

/** The ids of all images that a text leads to: of all platforms of a name, the one that is meant without one first. */
export const idsOf = (store: ImageStore, text: string): string[] => {
  const found = findImage(store, text);
  if (found === undefined) return [];
  const name = readName(text);
  const reference = "id" in name ? undefined : store.reference(name.reference);
  const others = reference === undefined ? [] : store.platformsOf(reference).map(({ image }) => image.id);
  return [...new Set([found.id, ...others])];
};

export { runsOn } from "./platforms.ts";

/** Of what a name stands for the image for a platform; undefined when there is none. */
const forPlatform = (
  store: ImageStore,
  name: ImageName,
  record: Readonly<ImageRecord>,
  wanted: Platform,
): Readonly<ImageRecord> | undefined => {
  const reference = "id" in name ? undefined : store.reference(name.reference);
  if (reference !== undefined) return imageFor(store.platformsOf(reference), wanted)?.image;
  return runsOn(record, wanted) ? record : undefined;
};

/**
 * As `findImage`, for a verb that needs the image; of a name that stands for several, the one for a platform.
 *
 * @throws EngineError not-found `No such image: x:latest`, also for an image of another platform; invalid-parameter for
 * what is no name.
 */
export const getImage = (store: ImageStore, text: string, platform?: Platform): Readonly<ImageRecord> => {
  const name = readName(text);
  const record = lookUp(store, text, name);
  if (record === undefined) throw notFound(`No such image: ${"id" in name ? name.id : name.reference.familiar()}`);
  if (platform === undefined) return record;
  const found = forPlatform(store, name, record, platform);
  if (found === undefined) throw notFound(platformMismatch(text, record, platform));
  return found;
};

/**
 * The manifest or index that a name of an image stands for; of an image called by its id, what a name that means it
 * stands for, else its manifest. Null when none is known.
 */
export const targetOf = (store: ImageStore, text: string, id: string): string | null => {
  const name = readName(text);
  const named = "id" in name ? undefined : store.reference(name.reference);
  return named === undefined ? targetOfImage(store, id) : named.target;
};

/** As `targetOf`, of an image called by its id. */
export const targetOfImage = (store: ImageStore, id: string): string | null => {
  const { tags, digests } = store.ownNames(id);
  for (const reference of [...tags, ...digests]) {
    const target = store.reference(reference)?.target ?? null;
    if (target !== null) return target;
  }
  return store.get(id)?.manifests.find((digest) => store.manifest(digest)?.kind === "image") ?? null;
};

/** What Docker says of an image that was found for another platform. */
export const platformMismatch = (name: string, record: Readonly<ImageRecord>, wanted: Platform): string =>
  `image with reference ${name} was found but its platform (${formatPlatform(platformOf(record.config))}) ` +
  `does not match the specified platform (${formatPlatform(wanted)})`;
