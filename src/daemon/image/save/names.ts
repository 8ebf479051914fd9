import { notFound } from "../../../base/errors.ts";
import type { Platform } from "../../../oci/platform.ts";
import { formatPlatform } from "../../../oci/platform.ts";
import { parseReference } from "../../../oci/reference.ts";
import type { Reference } from "../../../oci/reference.ts";
import { runsOn } from "../find.ts";
import type { ImageRecord } from "../record.ts";
import type { ImageStore } from "../store.ts";

/** An image to be written, with the tags that are to come back when it is read. */
export interface NamedImage {
  record: Readonly<ImageRecord>;
  tags: Reference[];
}

const fullId = /^(?:sha256:)?([0-9a-f]{64})$/;

const noImage = (name: string): Error => notFound(`No such image: ${name}`);

/** What one name stands for: an id its image alone, a bare name all its tags, a tag or digest one image. */
function* meant(store: ImageStore, name: string): Generator<[Readonly<ImageRecord>, Reference | undefined]> {
  const id = fullId.exec(name)?.[1];
  if (id !== undefined) {
    const record = store.get(`sha256:${id}`);
    if (record === undefined) throw noImage(`sha256:${id}`);
    return yield [record, undefined];
  }
  const reference = parseReference(name);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    const record = store.named(reference);
    if (record !== undefined) return yield [record, reference.digest === undefined ? reference : undefined];
    const byId = reference.familiarName === "sha256" ? store.withPrefix(name) : undefined;
    if (byId === undefined) throw notFound("reference does not exist");
    return yield [byId, undefined];
  }
  let found = false;
  for (const [known, imageId] of store.references()) {
    const record = known.name === reference.name ? store.get(imageId) : undefined;
    if (record === undefined) continue;
    found = true;
    yield [record, known.digest === undefined ? known : undefined];
  }
  if (found) return;
  const byId = store.withPrefix(name);
  if (byId === undefined) throw noImage(name);
  yield [byId, undefined];
}

/**
 * The images that the names of a save stand for, each once.
 *
 * @throws EngineError not-found; also for an image of another platform.
 */
export const imagesToSave = (
  store: ImageStore,
  names: readonly string[],
  platform: Platform | undefined,
): NamedImage[] => {
  const images = new Map<string, NamedImage>();
  for (const name of names)
    for (const [record, tag] of meant(store, name)) {
      if (platform !== undefined && !runsOn(record, platform))
        throw notFound(`no suitable export target found for platform ${formatPlatform(platform)}`);
      const image = images.get(record.id) ?? { record, tags: [] };
      images.set(record.id, image);
      if (tag !== undefined && !image.tags.some((known) => known.toString() === tag.toString())) image.tags.push(tag);
    }
  return [...images.values()];
};
