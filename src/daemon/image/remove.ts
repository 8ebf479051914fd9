import { notFound } from "../../base/errors.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Platform } from "../../oci/platform.ts";
import type { ImageDeleteResponseItem } from "../../wire/engine/image.ts";
import type { ImageContext } from "./context.ts";
import { getImage, isName, platformMismatch } from "./find.ts";
import { imageOfPlatform, runsOn } from "./platforms.ts";
import type { ImageRecord } from "./record.ts";
import { Removal } from "./removal.ts";
import type { RemovalOptions, RemovalStep } from "./removal.ts";
import { imageEvent } from "./store.ts";

/** What was removed, in the order in which Docker lists it, and how many bytes of layers are gone. */
export interface RemovedImages {
  items: ImageDeleteResponseItem[];
  sizeBytes: number;
}

/** Commits the steps of a plan with their events, and returns the answer's items, each deleted image's layers' ids. */
const commit = (context: ImageContext, steps: readonly RemovalStep[]): Map<ImageDeleteResponseItem, string[]> => {
  const items = new Map<ImageDeleteResponseItem, string[]>();
  context.database.transaction((transaction) => {
    for (const step of steps) {
      if ("untag" in step) {
        const record = context.store.get(step.imageId);
        context.store.deleteReference(transaction, step.untag);
        if (!step.silent) transaction.emit(imageEvent("untag", step.imageId, step.imageId, record));
        items.set({ Untagged: step.untag.familiar() }, []);
        continue;
      }
      if ("repoint" in step) {
        const target = context.store.reference(step.repoint)?.target ?? null;
        context.store.putReference(transaction, step.repoint, step.imageId, target);
        continue;
      }
      const record = context.store.get(step.delete);
      context.store.deleteImage(transaction, step.delete);
      transaction.emit(imageEvent("delete", step.delete, step.delete, undefined));
      items.set({ Deleted: step.delete }, record === undefined ? [] : context.store.chainOf(record).toReversed());
    }
  });
  return items;
};

/** Carries plans out: the records at once, then the content that nothing reaches any more. */
export const carryOut = async (context: ImageContext, plans: readonly RemovalStep[][]): Promise<RemovedImages> => {
  const sizes = new Map<string, number>();
  const items = new Map(plans.flatMap((steps) => [...commit(context, steps)]));
  for (const chainId of [...items.values()].flat()) sizes.set(chainId, context.layers.get(chainId)?.sizeBytes ?? 0);
  if ([...items.keys()].some(({ Deleted }) => Deleted !== undefined)) await context.collect();
  const result: RemovedImages = { items: [], sizeBytes: 0 };
  for (const [item, chain] of items) {
    result.items.push(item);
    for (const chainId of chain) {
      const size = sizes.get(chainId);
      if (size === undefined || context.layers.get(chainId) !== undefined) continue;
      sizes.delete(chainId);
      result.items.push({ Deleted: chainId });
      result.sizeBytes += size;
    }
  }
  return result;
};

/**
 * Removes a name, and with an image's last name the image, its layers and its parents that nothing else needs. With
 * `platforms`, only those platforms' images of the name; the name goes with the last of them.
 *
 * @throws EngineError not-found; conflict in Docker's words.
 *
 * **Source:** Engine API, ImageDelete.
 */
export const removeImage = async (
  context: ImageContext,
  name: string,
  options: RemovalOptions & { platforms?: readonly Platform[] },
): Promise<ImageDeleteResponseItem[]> => {
  const image = getImage(context.store, name);
  const removal = new Removal(context.store, context.users());
  const platforms = options.platforms ?? [];
  const some = platforms.length === 0 ? undefined : imagesOfPlatforms(context, name, image, platforms);
  const called = isName(context.store, name) ? name : image.id;
  if (some === undefined) removal.remove(image, called, options);
  else for (const { id } of some.images) removal.removePlatform(some.reference, id, options);
  return (await carryOut(context, [removal.steps])).items;
};

/**
 * The images of `platforms` that a name stands for; undefined when those are all that it stands for.
 *
 * @throws EngineError not-found for a platform that is not here.
 */
const imagesOfPlatforms = (
  context: ImageContext,
  name: string,
  image: Readonly<ImageRecord>,
  platforms: readonly Platform[],
): { reference: Reference; images: Readonly<ImageRecord>[] } | undefined => {
  const reference = isName(context.store, name) ? parseReference(name) : undefined;
  const record = reference === undefined ? undefined : context.store.reference(reference.withDefaultTag());
  if (reference === undefined || record === undefined) {
    for (const platform of platforms)
      if (!runsOn(image, platform)) throw notFound(platformMismatch(name, image, platform));
    return undefined;
  }
  const here = context.store.platformsOf(record);
  const images = new Set<Readonly<ImageRecord>>();
  for (const platform of platforms) {
    const found =
      imageOfPlatform(here, platform)?.image ?? (here.length === 1 && runsOn(image, platform) ? image : undefined);
    if (found === undefined) throw notFound(platformMismatch(name, image, platform));
    images.add(found);
  }
  return images.size === here.length ? undefined : { reference: reference.withDefaultTag(), images: [...images] };
};
