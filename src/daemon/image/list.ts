import { Filters } from "../../base/filters.ts";
import { parseTimestampMs } from "../../base/timestamp.ts";
import type { ImageSummary } from "../../wire/engine/image.ts";
import type { Reference } from "../../oci/reference.ts";
import { unused } from "./context.ts";
import type { ImageContext, ImageUse } from "./context.ts";
import { getImage, targetOfImage } from "./find.ts";
import { unixSeconds } from "./history.ts";
import { imageSize } from "./inspect.ts";
import { descriptorOf, summarizeManifests } from "./manifest-summary.ts";
import { matchesReference, patternOf } from "./pattern.ts";
import type { ImageRecord } from "./record.ts";
import type { ImageNames, ImageStore } from "./store.ts";

const knownFilters = ["dangling", "label", "before", "since", "reference", "until"];

export interface ListOptions {
  /** Images that others were made on, too. */
  all?: boolean;
  filters?: Filters;
  sharedSize?: boolean;
  /** Tell of every manifest of each image. */
  manifests?: boolean;
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
const layerUses = ({ store }: ImageContext): Map<string, number> => {
  const uses = new Map<string, number>();
  for (const record of store.all())
    for (const chainId of store.chainOf(record)) uses.set(chainId, (uses.get(chainId) ?? 0) + 1);
  return uses;
};

/** The images of all platforms that the names of an image stand for; itself first. */
const siblings = (store: ImageStore, record: Readonly<ImageRecord>, names: ImageNames): Readonly<ImageRecord>[] => {
  const images = new Set([record]);
  for (const name of [...names.tags, ...names.digests]) {
    const reference = store.reference(name);
    if (reference === undefined || reference.target === null) continue;
    if (store.manifest(reference.target)?.kind !== "index") continue;
    for (const { image } of store.platformsOf(reference)) images.add(image);
  }
  return [...images];
};

/** Which names of an image are told; undefined when it is not listed. */
type Chosen = { tags: readonly Reference[]; digests: readonly Reference[] } | undefined;

const chooseNames = (
  { store }: ImageContext,
  record: Readonly<ImageRecord>,
  { all, danglingOnly, namedOnly, patterns }: Choice,
): Chosen => {
  const isParent = store.childCount(record.id) > 0;
  if (danglingOnly && isParent) return undefined;
  const names = store.ownNames(record.id);
  const wanted = (reference: Reference): boolean => patterns.some((pattern) => matchesReference(pattern, reference));
  const [tags, digests] =
    patterns.length === 0 ? [names.tags, names.digests] : [names.tags.filter(wanted), names.digests.filter(wanted)];
  if (tags.length + digests.length > 0) return danglingOnly && tags.length > 0 ? undefined : { tags, digests };
  if ((!all && isParent) || namedOnly || patterns.length > 0) return undefined;
  // The image of one platform among others is told of with those.
  const others = store.namesOf(record.id);
  return others.tags.length + others.digests.length > 0 ? undefined : { tags, digests };
};

interface Choice {
  all: boolean;
  danglingOnly: boolean;
  namedOnly: boolean;
  patterns: readonly RegExp[];
}

/**
 * The images, newest first. A name that stands for the images of several platforms is one of them.
 *
 * @throws EngineError invalid-parameter for a filter that does not exist; not-found for an image named in one.
 *
 * **Source:** Engine API, ImageList.
 */
export const listImages = (context: ImageContext, options: ListOptions = {}): ImageSummary[] => {
  const { store } = context;
  const filters = options.filters ?? Filters.none;
  filters.requireKeys(knownFilters);
  const danglingOnly = filters.flag("dangling", false);
  const { beforeMs, sinceMs } = bounds(context, filters);
  const choice: Choice = {
    all: options.all === true,
    danglingOnly,
    namedOnly: filters.has("dangling") && !danglingOnly,
    patterns: filters.get("reference").map(patternOf),
  };
  const totals: Totals = { users: context.users(), uses: options.sharedSize === true ? layerUses(context) : undefined };
  const summaries: ImageSummary[] = [];
  for (const record of store.all()) {
    if (beforeMs !== Infinity && !(createdMs(record) < beforeMs)) continue;
    if (sinceMs !== -Infinity && !(createdMs(record) > sinceMs)) continue;
    if (!filters.matchLabels(record.config.config?.Labels)) continue;
    const names = chooseNames(context, record, choice);
    if (names === undefined) continue;
    summaries.push(summarize(context, record, names, totals, options.manifests === true));
  }
  return summaries.sort((a, b) => (b.Created ?? 0) - (a.Created ?? 0));
};

interface Totals {
  users: ReadonlyMap<string, ImageUse>;
  /** How many images each layer is part of; undefined when nobody asks. */
  uses: Map<string, number> | undefined;
}

const summarize = (
  context: ImageContext,
  record: Readonly<ImageRecord>,
  names: NonNullable<Chosen>,
  { users, uses }: Totals,
  manifests: boolean,
): ImageSummary => {
  const { store } = context;
  const images = siblings(store, record, names);
  const chain = images.length === 1 ? store.chainOf(record) : [...new Set(images.flatMap((one) => store.chainOf(one)))];
  const shared = uses === undefined ? undefined : chain.filter((chainId) => (uses.get(chainId) ?? 0) > 1);
  const count = ({ id }: Readonly<ImageRecord>): number => {
    const use = users.get(id) ?? unused;
    return use.running.length + use.stopped.length;
  };
  const target = targetOfImage(store, record.id);
  const listed = manifests ? summarizeManifests(context, target, users) : [];
  const descriptor = target === null ? undefined : descriptorOf(store, target);
  return {
    Id: record.id,
    ParentId: record.parent ?? "",
    RepoTags: names.tags.map((tag) => tag.familiar()),
    RepoDigests: names.digests.map((digest) => digest.familiar()),
    Created: unixSeconds(record.config.created),
    Size: imageSize(context, chain),
    SharedSize: shared === undefined ? -1 : imageSize(context, shared),
    Labels: record.config.config?.Labels ?? null,
    Containers: images.reduce((sum, one) => sum + count(one), 0),
    ...(listed.length === 0 ? {} : { Manifests: listed }),
    ...(descriptor === undefined ? {} : { Descriptor: descriptor }),
  };
};
