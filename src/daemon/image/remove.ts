import { notFound } from "../../base/errors.ts";
import type { Platform } from "../../oci/platform.ts";
import type { ImageDeleteResponseItem } from "../../wire/engine/image.ts";
import type { ImageContext } from "./context.ts";
import { chainIdsOf } from "./document.ts";
import { getImage, platformMismatch, runsOn } from "./find.ts";
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
      const record = context.store.get(step.delete);
      context.store.deleteImage(transaction, step.delete);
      transaction.emit(imageEvent("delete", step.delete, step.delete, undefined));
      items.set({ Deleted: step.delete }, record === undefined ? [] : chainIdsOf(record.config).reverse());
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
 * Removes a name, and with an image's last name the image, its layers and its parents that nothing else needs.
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
  for (const platform of options.platforms ?? [])
    if (!runsOn(image, platform)) throw notFound(platformMismatch(name, image, platform));
  const removal = new Removal(context.store, context.usedBy);
  removal.remove(image, name, options);
  return (await carryOut(context, [removal.steps])).items;
};
