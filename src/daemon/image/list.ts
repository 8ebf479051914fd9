import { Filters } from "../../base/filters.ts";
import { parseTimestampMs } from "../../base/timestamp.ts";
import type { ImageSummary } from "../../wire/engine/image.ts";
import type { ImageContext } from "./context.ts";
import { chainIdsOf } from "./document.ts";
import { getImage } from "./find.ts";
import { unixSeconds } from "./history.ts";
import { imageSize } from "./inspect.ts";
import { matchesReference, patternOf } from "./pattern.ts";
import type { ImageRecord } from "./record.ts";

const knownFilters = ["dangling", "label", "before", "since", "reference", "until"];

export interface ListOptions {
  /** Images that others were made on, too. */
  all?: boolean;
  filters?: Filters;
  sharedSize?: boolean;
}

const createdMs = (record: Readonly<ImageRecord>): number => Date.parse(record.config.created ?? "");

/** The times between which images must have been made, from `before`, `until` and `since`. */
const bounds = (context: ImageContext, filters: Filters): { beforeMs: number; sinceMs: number } => {
  const timeOf = (name: string): number => createdMs(getImage(context.store, name));
  const known = (times: number[]): number[] => times.filter((time) => !Number.isNaN(time));
  const before = [
    ...known(filters.get("before").map(timeOf)),
    ...filters.get("until").map((text) => parseTimestampMs(text, context.clock.now())),
  ];
  return { beforeMs: Math.min(...before), sinceMs: Math.max(...known(filters.get("since").map(timeOf))) };
};

/** How often each layer is part of an image. */
const layerUses = (context: ImageContext): Map<string, number> => {
  const uses = new Map<string, number>();
  for (const { config } of context.store.all())
    for (const chainId of chainIdsOf(config)) uses.set(chainId, (uses.get(chainId) ?? 0) + 1);
  return uses;
};

/**
 * The images, newest first.
 *
 * @throws EngineError invalid-parameter for a filter that does not exist; not-found for an image named in one.
 *
 * **Source:** Engine API, ImageList.
 */
export const listImages = (context: ImageContext, options: ListOptions = {}): ImageSummary[] => {
  const filters = options.filters ?? Filters.none;
  filters.requireKeys(knownFilters);
  const danglingOnly = filters.flag("dangling", false);
  const { beforeMs, sinceMs } = bounds(context, filters);
  const patterns = filters.get("reference").map(patternOf);
  const names = context.store.names();
  const children = context.store.childCounts();
  const uses = options.sharedSize === true ? layerUses(context) : undefined;
  const summaries: ImageSummary[] = [];
  for (const record of context.store.all()) {
    const isParent = (children.get(record.id) ?? 0) > 0;
    const created = createdMs(record);
    if (danglingOnly && isParent) continue;
    if (beforeMs !== Infinity && !(created < beforeMs)) continue;
    if (sinceMs !== -Infinity && !(created > sinceMs)) continue;
    if (!filters.matchLabels(record.config.config?.Labels)) continue;
    const all = names.get(record.id) ?? { tags: [], digests: [] };
    const wanted = (reference: (typeof all.tags)[number]): boolean =>
      patterns.length === 0 || patterns.some((pattern) => matchesReference(pattern, reference));
    const tags = all.tags.filter(wanted);
    const digests = all.digests.filter(wanted);
    if (tags.length === 0 && digests.length === 0) {
      if (options.all !== true && isParent) continue;
      if (filters.has("dangling") && !danglingOnly) continue;
      if (patterns.length > 0) continue;
    } else if (danglingOnly && tags.length > 0) continue;
    const chain = chainIdsOf(record.config);
    const { running, stopped } = context.usedBy(record.id);
    summaries.push({
      Id: record.id,
      ParentId: record.parent ?? "",
      RepoTags: tags.map((tag) => tag.familiar()),
      RepoDigests: digests.map((digest) => digest.familiar()),
      Created: unixSeconds(record.config.created),
      Size: imageSize(context, chain),
      SharedSize:
        uses === undefined
          ? -1
          : imageSize(
              context,
              chain.filter((chainId) => (uses.get(chainId) ?? 0) > 1),
            ),
      Labels: record.config.config?.Labels ?? null,
      Containers: running.length + stopped.length,
    });
  }
  return summaries.sort((a, b) => (b.Created ?? 0) - (a.Created ?? 0));
};
