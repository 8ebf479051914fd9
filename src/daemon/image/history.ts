import { systemError } from "../../base/errors.ts";
import type { Platform } from "../../oci/platform.ts";
import type { ImageHistoryResponseItem } from "../../wire/engine/image.ts";
import type { ImageContext } from "./context.ts";
import { getImage } from "./find.ts";

/** Seconds since the epoch of an RFC 3339 time; 0 for none. */
export const unixSeconds = (time: string | null | undefined): number => {
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000);
};

/**
 * The steps that made an image, newest first. Steps whose images are on this machine carry their ids and tags.
 *
 * @throws EngineError not-found
 *
 * **Source:** Engine API, ImageHistory.
 */
export const imageHistory = (context: ImageContext, name: string, platform?: Platform): ImageHistoryResponseItem[] => {
  const { store, layers } = context;
  const image = getImage(store, name, platform);
  const chain = store.chainOf(image);
  let layer = 0;
  const steps = (image.config.history ?? []).map((entry) => {
    let size = 0;
    if (entry.empty_layer !== true) {
      const chainId = chain[layer++];
      if (chainId === undefined) throw systemError("too many non-empty layers in History section");
      size = layers.get(chainId)?.sizeBytes ?? 0;
    }
    return {
      Id: "<missing>",
      Created: unixSeconds(entry.created),
      CreatedBy: entry.created_by ?? "",
      Tags: null as string[] | null,
      Size: size,
      Comment: entry.comment ?? "",
    };
  });
  steps.reverse();
  let id: string | null = image.id;
  for (const step of steps) {
    if (id === null) break;
    step.Id = id;
    const tags = store.namesOf(id).tags;
    if (tags.length > 0) step.Tags = tags.map((tag) => tag.familiar());
    id = store.get(id)?.parent ?? null;
  }
  return steps;
};
