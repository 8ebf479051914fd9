import { notFound } from "../../../base/errors.ts";
import type { Platform } from "../../../oci/platform.ts";
import { formatPlatform } from "../../../oci/platform.ts";
import { parseReference } from "../../../oci/reference.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import { entriesOf, imageFor } from "../platforms.ts";
import type { PlatformImage } from "../platforms.ts";
import type { ArtifactRecord, ImageRecord, ReferenceRecord } from "../record.ts";
import type { ImageStore } from "../store.ts";

/** An image to be written, with the tags that are to come back when it is read. */
export interface NamedImage {
  record: Readonly<ImageRecord>;
  tags: Reference[];
}

/** An index that is to be written: the images of several platforms, which some tags stand for. */
export interface NamedIndex {
  images: PlatformImage[];
  /** Attestations and the like that are kept, with what they are for. */
  artifacts: { record: Readonly<ArtifactRecord>; entry: Descriptor }[];
  tags: Reference[];
}

export interface Named {
  images: NamedImage[];
  indexes: NamedIndex[];
}

/** One image that a name of the save means, and under which name it is to come back. */
interface Meant {
  record: Readonly<ImageRecord>;
  tag?: Reference;
  /** What the name says, when it is one. */
  reference?: Readonly<ReferenceRecord>;
}

const fullId = /^(?:sha256:)?([0-9a-f]{64})$/;

const noImage = (name: string): Error => notFound(`No such image: ${name}`);

/** What one name stands for: an id its image alone, a bare name all its tags, a tag or digest one image. */
function* meant(store: ImageStore, name: string): Generator<Meant> {
  const id = fullId.exec(name)?.[1];
  if (id !== undefined) {
    const record = store.get(`sha256:${id}`);
    if (record === undefined) throw noImage(`sha256:${id}`);
    return yield { record };
  }
  const reference = parseReference(name);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    const named = meantBy(store, reference);
    if (named !== undefined) return yield named;
    const byId = reference.familiarName === "sha256" ? store.withPrefix(name) : undefined;
    if (byId === undefined) throw notFound("reference does not exist");
    return yield { record: byId };
  }
  let found = false;
  for (const [known] of store.references()) {
    const named = known.name === reference.name ? meantBy(store, known) : undefined;
    if (named === undefined) continue;
    found = true;
    yield named;
  }
  if (found) return;
  const byId = store.withPrefix(name);
  if (byId === undefined) throw noImage(name);
  yield { record: byId };
}

const meantBy = (store: ImageStore, name: Reference): Meant | undefined => {
  const [record, reference] = [store.named(name), store.reference(name)];
  if (record === undefined || reference === undefined) return undefined;
  return { record, reference, ...(name.digest === undefined ? { tag: name } : {}) };
};

/**
 * The images that the names of a save stand for, each once; of a name that stands for an index those of all platforms that
 * are here, or the one that is wanted.
 *
 * @throws EngineError not-found; also for an image of another platform.
 */
export const imagesToSave = (store: ImageStore, names: readonly string[], platform: Platform | undefined): Named => {
  const images = new Map<string, NamedImage>();
  const indexes = new Map<string, NamedIndex>();
  const add = (record: Readonly<ImageRecord>, tag: Reference | undefined): void => {
    const image = images.get(record.id) ?? { record, tags: [] };
    images.set(record.id, image);
    addTag(image.tags, tag);
  };
  for (const name of names)
    for (const { record, tag, reference } of meant(store, name)) {
      const platforms = reference === undefined ? [{ image: record, entry: undefined }] : store.platformsOf(reference);
      if (platform !== undefined) {
        const found = imageFor(platforms, platform)?.image;
        if (found === undefined)
          throw notFound(`no suitable export target found for platform ${formatPlatform(platform)}`);
        add(found, tag);
        continue;
      }
      add(record, tag);
      const target = reference?.target ?? null;
      if (platforms.length < 2 || target === null) continue;
      const index = indexes.get(target) ?? { images: platforms, artifacts: artifactsOf(store, target), tags: [] };
      indexes.set(target, index);
      addTag(index.tags, tag);
    }
  return { images: [...images.values()], indexes: [...indexes.values()] };
};

const addTag = (tags: Reference[], tag: Reference | undefined): void => {
  if (tag !== undefined && !tags.some((known) => known.toString() === tag.toString())) tags.push(tag);
};

/** What an index names besides images and is here. */
const artifactsOf = (store: ImageStore, target: string): NamedIndex["artifacts"] =>
  [...entriesOf(store, target)].flatMap((entry) => {
    const record = store.manifest(entry.digest);
    return record?.kind === "artifact" ? [{ record, entry }] : [];
  });
