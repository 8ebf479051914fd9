import { EngineError, invalidParameter } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";
import type { Reference } from "../../oci/reference.ts";
import { parseTimestampMs } from "../../base/timestamp.ts";
import type { ImageDeleteResponseItem } from "../../wire/engine/image.ts";
import { unused } from "./context.ts";
import type { ImageContext, ImageUse } from "./context.ts";
import type { ImageRecord } from "./record.ts";
import { Removal } from "./removal.ts";
import { carryOut } from "./remove.ts";
import type { ImageStore } from "./store.ts";

const knownFilters = ["dangling", "label", "label!", "until"];

export interface ImagePruneReport {
  ImagesDeleted: ImageDeleteResponseItem[] | null;
  SpaceReclaimed: number;
}

const untilOf = (context: ImageContext, filters: Filters): number => {
  const values = filters.get("until");
  if (values.length > 1) throw invalidParameter("more than one until filter specified");
  return values[0] === undefined ? Infinity : parseTimestampMs(values[0], context.clock.now());
};

/** The names by which to remove an image that is to go, or nothing when it stays. */
const namesToRemove = (record: Readonly<ImageRecord>, names: { tags: string[]; digests: string[] }, all: boolean) => {
  if (names.tags.length + names.digests.length === 0) return [record.id.slice(7)];
  return all || names.tags.length === 0 ? [...names.tags, ...names.digests] : [];
};

/**
 * Removes images without a tag, or with `dangling=false` all that no container uses.
 *
 * @throws EngineError invalid-parameter
 *
 * **Source:** Engine API, ImagePrune.
 */
export const pruneImages = async (
  context: ImageContext,
  filters: Filters = Filters.none,
): Promise<ImagePruneReport> => {
  filters.requireKeys(knownFilters);
  const all = !filters.flag("dangling", true);
  const untilMs = untilOf(context, filters);
  const { store } = context;
  const users = context.users();
  const usedBy = (id: string): ImageUse => users.get(id) ?? unused;
  const isUsed = (id: string): boolean => usedBy(id).running.length + usedBy(id).stopped.length > 0;
  const removal = new Removal(store, users);
  for (const record of store.all()) {
    if (isUsed(record.id)) continue;
    if (untilMs !== Infinity && !(Date.parse(record.config.created ?? "") <= untilMs)) continue;
    if (!filters.matchLabels(record.config.config?.Labels)) continue;
    const { tags, digests } = store.ownNames(record.id);
    const named = store.namesOf(record.id);
    // Without a name it goes with the last of its children.
    if (named.tags.length + named.digests.length === 0 && store.childCount(record.id) > 0) continue;
    // The image of one platform among others stays with its name, and a name with each image that is used.
    if (tags.length + digests.length === 0 && named.tags.length + named.digests.length > 0) continue;
    if (platformIds(store, [...tags, ...digests]).some(isUsed)) continue;
    const own = { tags: tags.map(String), digests: digests.map(String) };
    for (const name of namesToRemove(record, own, all)) planOne(removal, record, name);
  }
  // What pulls that were cut off have left to go on with goes too, and whatever else nothing needs any more.
  context.leases.dropLeft();
  const { bytes } = await context.collect();
  const removed = await carryOut(context, [removal.steps]);
  removed.sizeBytes += bytes + context.blobs.partials.prune({ all: true });
  context.database.emit({
    Type: "image",
    Action: "prune",
    Actor: { ID: "", Attributes: { reclaimed: String(removed.sizeBytes) } },
    scope: "local",
  });
  return { ImagesDeleted: removed.items.length === 0 ? null : removed.items, SpaceReclaimed: removed.sizeBytes };
};

/** The images of all platforms that names stand for. */
const platformIds = (store: ImageStore, names: readonly Reference[]): string[] =>
  names.flatMap((name) => {
    const reference = store.reference(name);
    return reference === undefined ? [] : store.platformsOf(reference).map(({ image }) => image.id);
  });

/** An image that cannot go stays, without a word. */
const planOne = (removal: Removal, record: Readonly<ImageRecord>, name: string): void => {
  if (removal.isGone(record.id)) return;
  try {
    removal.remove(record, name, { force: false, prune: true });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
};
