import { Reference, parseReference } from "../../oci/reference.ts";
import { isDigest } from "../../oci/digest.ts";
import type { EventInput } from "../event/event.ts";
import type { Database, Transaction } from "../state/database.ts";
import type { Table } from "../state/table.ts";
import type { ImageRecord, ReferenceRecord } from "./record.ts";

/** The names of one image, sorted. */
export interface ImageNames {
  tags: Reference[];
  digests: Reference[];
}

/** The key of a reference in its table: by digest when it has one. */
const keyOf = (reference: Reference): string =>
  reference.digest === undefined
    ? reference.toString()
    : new Reference(reference.domain, reference.path, undefined, reference.digest).toString();

/** The records of images and of their names: what is asked of them, and the changes that transactions are made of. */
export class ImageStore {
  readonly #images: Table<ImageRecord>;
  readonly #references: Table<ReferenceRecord>;

  constructor(database: Database) {
    this.#images = database.table<ImageRecord>("images");
    this.#references = database.table<ReferenceRecord>("references");
  }

  get(id: string): Readonly<ImageRecord> | undefined {
    return this.#images.get(id);
  }

  all(): IterableIterator<Readonly<ImageRecord>> {
    return this.#images.values();
  }

  /** The image that a name stands for; a name that has neither tag nor digest stands for nothing. */
  named(reference: Reference): Readonly<ImageRecord> | undefined {
    const found = this.#references.get(keyOf(reference));
    return found === undefined ? undefined : this.#images.get(found.imageId);
  }

  /** The one image whose id starts with `prefix` (hex digits, with or without `sha256:`). */
  withPrefix(prefix: string): Readonly<ImageRecord> | undefined {
    const hex = prefix.startsWith("sha256:") ? prefix.slice(7) : prefix;
    if (!/^[0-9a-f]{1,64}$/.test(hex)) return undefined;
    let only: Readonly<ImageRecord> | undefined;
    for (const record of this.#images.values()) {
      if (!record.id.startsWith(hex, 7)) continue;
      if (only !== undefined) return undefined;
      only = record;
    }
    return only;
  }

  /** The names of every image that has one. */
  names(): Map<string, ImageNames> {
    const names = new Map<string, ImageNames>();
    for (const [key, { imageId }] of this.#references.entries()) {
      const found = names.get(imageId) ?? { tags: [], digests: [] };
      names.set(imageId, found);
      const reference = referenceOfKey(key);
      (reference.digest === undefined ? found.tags : found.digests).push(reference);
    }
    for (const { tags, digests } of names.values()) for (const list of [tags, digests]) list.sort(byText);
    return names;
  }

  namesOf(id: string): ImageNames {
    return this.names().get(id) ?? { tags: [], digests: [] };
  }

  /** Every reference with the image it stands for. */
  *references(): Generator<[Reference, string]> {
    for (const [key, { imageId }] of this.#references.entries()) yield [referenceOfKey(key), imageId];
  }

  /** How many images were made on each image. */
  childCounts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { parent } of this.#images.values())
      if (parent !== null) counts.set(parent, (counts.get(parent) ?? 0) + 1);
    return counts;
  }

  putImage(transaction: Transaction, record: ImageRecord): void {
    transaction.put(this.#images, record.id, record);
  }

  deleteImage(transaction: Transaction, id: string): void {
    transaction.delete(this.#images, id);
  }

  putReference(transaction: Transaction, reference: Reference, imageId: string): void {
    transaction.put(this.#references, keyOf(reference), { imageId });
  }

  deleteReference(transaction: Transaction, reference: Reference): void {
    transaction.delete(this.#references, keyOf(reference));
  }

  /** Merges what a pull or load learnt of an image that may be here already. */
  merged(record: ImageRecord): ImageRecord {
    const known = this.#images.get(record.id);
    if (known === undefined) return record;
    return {
      ...record,
      parent: known.parent ?? record.parent,
      lastTagTime: record.lastTagTime ?? known.lastTagTime,
      manifests: [...new Set([...known.manifests, ...record.manifests])],
      blobs: record.blobs.map((blob, index) => mergeBlob(blob, known.blobs[index] ?? null)),
    };
  }
}

const mergeBlob = (fresh: ImageRecord["blobs"][number], known: ImageRecord["blobs"][number]): typeof fresh => {
  if (fresh === null || known === null || fresh.digest !== known.digest) return fresh ?? known;
  return { ...fresh, repositories: [...new Set([...known.repositories, ...fresh.repositories])] };
};

const byText = (a: Reference, b: Reference): number => {
  const [left, right] = [a.toString(), b.toString()];
  return left < right ? -1 : left > right ? 1 : 0;
};

const referenceOfKey = (key: string): Reference => {
  const at = key.indexOf("@");
  if (at === -1) return parseReference(key);
  const digest = key.slice(at + 1);
  const name = parseReference(key.slice(0, at));
  return isDigest(digest) ? name.withDigest(digest) : name;
};

/** An event of an image, with its labels and its name as Docker attaches them. */
export const imageEvent = (
  action: string,
  id: string,
  name: string,
  record: Readonly<ImageRecord> | undefined,
): EventInput => ({
  Type: "image",
  Action: action,
  Actor: { ID: id, Attributes: { ...record?.config.config?.Labels, name } },
  scope: "local",
});
