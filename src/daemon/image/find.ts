import { EngineError, notFound } from "../../base/errors.ts";
import { formatPlatform, matchPlatform } from "../../oci/platform.ts";
import type { Platform } from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Reference } from "../../oci/reference.ts";
import { platformOf } from "./document.ts";
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
  "id" in name ? store.get(name.id) : (store.named(name.reference) ?? store.withPrefix(text));

/** The image that an id, the start of an id or a name stands for; undefined when there is none, or no such name. */
export const findImage = (store: ImageStore, text: string): Readonly<ImageRecord> | undefined => {
  try {
    return lookUp(store, text, readName(text));
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
};

/** Whether an image runs on a platform. A configuration that leaves its variant out matches any. */
export const runsOn = (record: Readonly<ImageRecord>, wanted: Platform): boolean => {
  const own = platformOf(record.config);
  if (matchPlatform(wanted, own) !== null) return true;
  return own.variant === undefined && own.os === wanted.os && own.architecture === wanted.architecture;
};

/**
 * As `findImage`, for a verb that needs the image.
 *
 * @throws EngineError not-found `No such image: x:latest`, also for an image of another platform; invalid-parameter for
 * what is no name.
 */
export const getImage = (store: ImageStore, text: string, platform?: Platform): Readonly<ImageRecord> => {
  const name = readName(text);
  const record = lookUp(store, text, name);
  if (record === undefined) throw notFound(`No such image: ${"id" in name ? name.id : name.reference.familiar()}`);
  if (platform !== undefined && !runsOn(record, platform)) throw notFound(platformMismatch(text, record, platform));
  return record;
};

/** What Docker says of an image that was found for another platform. */
export const platformMismatch = (name: string, record: Readonly<ImageRecord>, wanted: Platform): string =>
  `image with reference ${name} was found but its platform (${formatPlatform(platformOf(record.config))}) ` +
  `does not match the specified platform (${formatPlatform(wanted)})`;
