import { systemError } from "../../../base/errors.ts";
import { parseReference } from "../../../oci/reference.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { ImageContext } from "../context.ts";
import { imagesOfTarget } from "../platforms.ts";
import type { ImageRecord, ManifestRecord } from "../record.ts";
import { imageEvent } from "../store.ts";
import type { ArchivedTarget } from "./layout.ts";

/** An image of an archive whose layers are here. */
export interface LoadedImage {
  record: ImageRecord;
  isTold: boolean;
  tags: Reference[];
}

/** A name of an image of an archive. @throws EngineError system for one without a tag */
export const readTag = (text: string): Reference => {
  const reference = parseReference(text);
  if (reference.tag === undefined) throw systemError(`invalid tag ${JSON.stringify(text)}`);
  return reference.digest === undefined ? reference : reference.withTag(reference.tag);
};

/** What a name is to stand for from now on. */
interface Naming {
  tag: Reference;
  imageId: string;
  target: string | null;
  isTold: boolean;
}

/** Records all images with their names, manifests and events at once; returns what to tell of it. */
export const recordLoaded = (
  context: ImageContext,
  loaded: readonly LoadedImage[],
  targets: readonly ArchivedTarget[],
): string[] => {
  const { store } = context;
  const lines: string[] = [];
  const ids = new Set(loaded.map(({ record }) => record.id));
  const merged = new Map<string, ImageRecord>();
  for (const { record } of loaded) {
    const parent = record.parent !== null && ids.has(record.parent) && record.parent !== record.id;
    merged.set(record.id, store.merged({ ...record, parent: parent ? record.parent : null }));
  }
  const documents = new Map(targets.flatMap((target) => target.documents).map((one) => [one.digest, one]));
  const overlay = {
    get: (id: string) => merged.get(id) ?? store.get(id),
    manifest: (digest: string): Readonly<ManifestRecord> | undefined => documents.get(digest) ?? store.manifest(digest),
  };
  const primaryOf = (target: string): string | undefined => store.primaryOf(imagesOfTarget(overlay, target))?.image.id;
  context.database.transaction((transaction) => {
    for (const record of merged.values()) store.putImage(transaction, record);
    for (const document of documents.values()) store.putManifest(transaction, document);
    for (const { tag, imageId, target, isTold } of namings(loaded, targets, primaryOf)) {
      const before = store.named(tag);
      if (before !== undefined && before.id !== imageId)
        lines.push(
          `The image ${tag.familiar()} already exists, renaming the old one with ID ${before.id} to empty string\n`,
        );
      store.putReference(transaction, tag, imageId, target);
      if (isTold) lines.push(`Loaded image: ${tag.familiar()}\n`);
    }
    // Other names of an index have its new platforms with it.
    for (const { digest } of targets) {
      const primary = primaryOf(digest);
      const { tags, digests } = store.namesOfTarget(digest);
      if (primary !== undefined)
        for (const name of [...tags, ...digests]) store.putReference(transaction, name, primary, digest);
    }
    for (const { record } of loaded) transaction.emit(imageEvent("load", record.id, record.id, record));
  });
  if (lines.length === 0 && loaded.every(({ tags }) => tags.length === 0))
    for (const id of untagged(loaded, targets, primaryOf)) lines.push(`Loaded image ID: ${id}\n`);
  return lines;
};

/** A name of `manifest.json` means its image; it stands for an index as well when the layout says so and has that image. */
function* namings(
  loaded: readonly LoadedImage[],
  targets: readonly ArchivedTarget[],
  primaryOf: (target: string) => string | undefined,
): Generator<Naming> {
  const byTag = new Map(targets.flatMap(({ tags, digest }) => tags.map((tag) => [readTag(tag).toString(), digest])));
  for (const { record, tags, isTold } of loaded)
    for (const tag of tags) {
      const target = byTag.get(tag.toString());
      const isSame = target !== undefined && record.manifests.includes(target);
      byTag.delete(tag.toString());
      const imageId = isSame ? (primaryOf(target) ?? record.id) : record.id;
      yield { tag, imageId, target: isSame ? target : null, isTold };
    }
  for (const [tag, target] of byTag) {
    const imageId = primaryOf(target);
    if (imageId !== undefined) yield { tag: parseReference(tag), imageId, target, isTold: true };
  }
}

/** The images that are told by their ids: of an index the one that is meant without a platform. */
const untagged = (
  loaded: readonly LoadedImage[],
  targets: readonly ArchivedTarget[],
  primaryOf: (target: string) => string | undefined,
): string[] => {
  const digests = new Set(targets.map(({ digest }) => digest));
  const isBelow = ({ record }: LoadedImage): boolean => record.manifests.some((digest) => digests.has(digest));
  const alone = loaded.filter((image) => image.isTold && !isBelow(image)).map(({ record }) => record.id);
  const primaries = targets.map(({ digest }) => primaryOf(digest)).filter((id) => id !== undefined);
  return [...new Set([...alone, ...primaries])];
};
