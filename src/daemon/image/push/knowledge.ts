import { domainOf, pathOf, placeOf } from "./place.ts";
import type { ImageContext } from "../context.ts";
import type { ImageRecord, LayerBlob } from "../record.ts";

/** A compressed form of a layer, and the layer that it is of. */
export interface KnownBlob extends LayerBlob {
  diffId: string;
}

const merged = (one: KnownBlob | undefined, two: KnownBlob): KnownBlob =>
  one === undefined ? two : { ...one, ...two, repositories: [...new Set([...two.repositories, ...one.repositories])] };

/** What all images here together know of the compressed forms of layers. A picture of one moment. */
export class BlobKnowledge {
  readonly #byDigest = new Map<string, KnownBlob>();
  readonly #byDiffId = new Map<string, Set<string>>();
  readonly #chains = new Map<string, string>();

  constructor(context: ImageContext) {
    for (const { config, blobs } of context.store.all())
      for (const [index, blob] of blobs.entries()) {
        const diffId = config.rootfs.diff_ids[index];
        if (blob === null || diffId === undefined) continue;
        const repositories = blob.repositories.map(placeOf);
        this.#byDigest.set(blob.digest, merged(this.#byDigest.get(blob.digest), { ...blob, repositories, diffId }));
        const forms = this.#byDiffId.get(diffId) ?? new Set();
        this.#byDiffId.set(diffId, forms.add(blob.digest));
      }
    for (const { chainId, diffId } of context.layers.all()) this.#chains.set(diffId, chainId);
  }

  blob(digest: string): KnownBlob | undefined {
    return this.#byDigest.get(digest);
  }

  /** The compressed forms of a layer. */
  forms(diffId: string): KnownBlob[] {
    return [...(this.#byDiffId.get(diffId) ?? [])].flatMap((digest) => this.#byDigest.get(digest) ?? []);
  }

  /** A chain that ends in a layer with this archive; undefined when it is not unpacked here. */
  chainOf(diffId: string): string | undefined {
    return this.#chains.get(diffId);
  }
}

/** Most repositories that content is looked for in. */
const sourcesMax = 8;

/**
 * Where a blob of an image may be had, the best first: where it was seen, then where the image's name by digest says it
 * came from, then where its other layers were seen.
 */
export const sourcesOf = (
  context: ImageContext,
  knowledge: BlobKnowledge,
  digest: string,
  record: Readonly<ImageRecord> | undefined,
): string[] => {
  const found = new Set(knowledge.blob(digest)?.repositories);
  if (record !== undefined) {
    for (const { name } of context.store.namesOf(record.id).digests) found.add(name);
    for (const blob of record.blobs) for (const place of blob?.repositories ?? []) found.add(placeOf(place));
  }
  return [...found].slice(0, sourcesMax);
};

/** The repositories of one registry that a layer may be mounted from, as paths. */
export const mountsOf = (places: readonly string[], target: string): string[] =>
  places.filter((place) => place !== target && domainOf(place) === domainOf(target)).map(pathOf);
