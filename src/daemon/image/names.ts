import { isDigest } from "../../oci/digest.ts";
import { Reference, parseReference } from "../../oci/reference.ts";
import type { Table } from "../state/table.ts";
import type { ImageRecord, ReferenceRecord } from "./record.ts";

/** The names of one image, sorted. */
export interface ImageNames {
  tags: readonly Reference[];
  digests: readonly Reference[];
}

const none: ImageNames = Object.freeze({ tags: [], digests: [] });

/** The key of a reference in its table: by digest when it has one. */
export const keyOf = (reference: Reference): string =>
  reference.digest === undefined
    ? reference.toString()
    : new Reference(reference.domain, reference.path, undefined, reference.digest).toString();

const referenceOfKey = (key: string): Reference => {
  const at = key.indexOf("@");
  if (at === -1) return parseReference(key);
  const digest = key.slice(at + 1);
  const name = parseReference(key.slice(0, at));
  return isDigest(digest) ? name.withDigest(digest) : name;
};

/** References by their keys, put in order when they are asked for. */
class NameSet {
  readonly #byKey = new Map<string, Reference>();
  #sorted: ImageNames | undefined = none;

  add(key: string, reference: Reference): void {
    this.#byKey.set(key, reference);
    this.#sorted = undefined;
  }

  /** True when none is left. */
  delete(key: string): boolean {
    this.#byKey.delete(key);
    this.#sorted = undefined;
    return this.#byKey.size === 0;
  }

  get keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  get sorted(): ImageNames {
    if (this.#sorted !== undefined) return this.#sorted;
    const all = [...this.#byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, reference]) => reference);
    this.#sorted = {
      tags: all.filter(({ digest }) => digest === undefined),
      digests: all.filter(({ digest }) => digest !== undefined),
    };
    return this.#sorted;
  }
}

/**
 * Which names an image has, what stands on it, and which names stand for a document: kept with the records, so that a
 * list of a thousand images need not find it out anew.
 */
export class NameIndex {
  readonly #references = new Map<string, Reference>();
  readonly #byImage = new Map<string, NameSet>();
  readonly #byTarget = new Map<string, NameSet>();
  readonly #children = new Map<string, number>();

  constructor(images: Table<ImageRecord>, references: Table<ReferenceRecord>) {
    images.observe((_, before, after) => {
      if (before?.parent === after?.parent) return;
      this.#count(before?.parent ?? null, -1);
      this.#count(after?.parent ?? null, 1);
    });
    references.observe((key, before, after) => {
      if (before !== undefined) this.#drop(key, before);
      if (after !== undefined) this.#add(key, after);
    });
  }

  /** The reference of a key, read once. */
  reference(key: string): Reference | undefined {
    return this.#references.get(key);
  }

  /** The names that mean an image when nobody asks for a platform. */
  ofImage(id: string): ImageNames {
    return this.#byImage.get(id)?.sorted ?? none;
  }

  /** The names that stand for a manifest or index. */
  ofTarget(digest: string): ImageNames {
    return this.#byTarget.get(digest)?.sorted ?? none;
  }

  targets(): Iterable<string> {
    return this.#byTarget.keys();
  }

  /** How many images were made on an image. */
  children(id: string): number {
    return this.#children.get(id) ?? 0;
  }

  #add(key: string, { imageId, target }: ReferenceRecord): void {
    const reference = this.#references.get(key) ?? referenceOfKey(key);
    this.#references.set(key, reference);
    setOf(this.#byImage, imageId).add(key, reference);
    if (target) setOf(this.#byTarget, target).add(key, reference);
  }

  #drop(key: string, { imageId, target }: ReferenceRecord): void {
    this.#references.delete(key);
    if (this.#byImage.get(imageId)?.delete(key)) this.#byImage.delete(imageId);
    if (target && this.#byTarget.get(target)?.delete(key)) this.#byTarget.delete(target);
  }

  #count(parent: string | null, by: 1 | -1): void {
    if (parent === null) return;
    const count = this.children(parent) + by;
    if (count === 0) this.#children.delete(parent);
    else this.#children.set(parent, count);
  }
}

const setOf = (sets: Map<string, NameSet>, key: string): NameSet => {
  const set = sets.get(key) ?? new NameSet();
  sets.set(key, set);
  return set;
};
