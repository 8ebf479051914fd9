import { hostPlatform } from "../../oci/platform.ts";
import type { Platform } from "../../oci/platform.ts";
import type { Reference } from "../../oci/reference.ts";
import type { OciImageConfig } from "../../wire/oci/image-config.ts";
import type { EventInput } from "../event/event.ts";
import type { Database, Transaction } from "../state/database.ts";
import type { Table } from "../state/table.ts";
import { chainIdsOf } from "./document.ts";
import { NameIndex, keyOf } from "./names.ts";
import type { ImageNames } from "./names.ts";
import { imagesOfTarget, primaryOf } from "./platforms.ts";
import type { PlatformImage } from "./platforms.ts";
import type { ImageRecord, ManifestRecord, ReferenceRecord } from "./record.ts";

export type { ImageNames } from "./names.ts";

/**
 * The records of images, of their names and of their manifests: what is asked of them, and the changes that
 * transactions are made of. What is derived from them (names by image, children, chain ids) is kept beside them.
 */
export class ImageStore {
  readonly #images: Table<ImageRecord>;
  readonly #references: Table<ReferenceRecord>;
  readonly #manifests: Table<ManifestRecord>;
  readonly #names: NameIndex;
  readonly #chains = new WeakMap<OciImageConfig, readonly string[]>();
  readonly #host: Platform = hostPlatform();

  constructor(database: Database) {
    this.#images = database.table<ImageRecord>("images");
    this.#references = database.table<ReferenceRecord>("references");
    this.#manifests = database.table<ManifestRecord>("manifests");
    this.#names = new NameIndex(this.#images, this.#references);
  }

  get(id: string): Readonly<ImageRecord> | undefined {
    return this.#images.get(id);
  }

  all(): IterableIterator<Readonly<ImageRecord>> {
    return this.#images.values();
  }

  /** What a name says; a name that has neither tag nor digest says nothing. */
  reference(reference: Reference): Readonly<ReferenceRecord> | undefined {
    return this.#references.get(keyOf(reference));
  }

  /** The image that a name stands for when nobody asks for a platform. */
  named(reference: Reference): Readonly<ImageRecord> | undefined {
    const found = this.reference(reference);
    return found === undefined ? undefined : this.#images.get(found.imageId);
  }

  /** The images that a name stands for, by platform, in the order of its index; one when it stands for no index. */
  platformsOf(reference: Readonly<ReferenceRecord>): PlatformImage[] {
    const { imageId, target } = reference;
    const found = target === null ? [] : this.imagesOf(target);
    if (found.length > 0) return found;
    const image = this.#images.get(imageId);
    return image === undefined ? [] : [{ image, entry: undefined }];
  }

  /** The images that are here of an index or manifest. */
  imagesOf(target: string): PlatformImage[] {
    return imagesOfTarget(this, target);
  }

  /** Of several images the one that is meant when nobody asks for a platform. */
  primaryOf(images: readonly PlatformImage[]): PlatformImage | undefined {
    return primaryOf(images, this.#host);
  }

  /** A manifest or index that is here. */
  manifest(digest: string): Readonly<ManifestRecord> | undefined {
    return this.#manifests.get(digest);
  }

  manifests(): IterableIterator<Readonly<ManifestRecord>> {
    return this.#manifests.values();
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

  /**
   * The one image whose manifest's digest starts with `prefix`: what `docker images --tree` shows of a platform. As short
   * as it shows it, and no shorter, since names may be hex digits too.
   */
  withManifest(prefix: string): Readonly<ImageRecord> | undefined {
    const hex = prefix.startsWith("sha256:") ? prefix.slice(7) : prefix;
    if (!/^[0-9a-f]{12,64}$/.test(hex)) return undefined;
    const ids = new Set<string>();
    for (const manifest of this.#manifests.values())
      if (manifest.kind === "image" && manifest.digest.startsWith(hex, 7)) ids.add(manifest.config.digest);
    const [id = ""] = ids;
    return ids.size === 1 ? this.#images.get(id) : undefined;
  }

  /** The names that mean an image when nobody asks for a platform: those that lists show. */
  ownNames(id: string): ImageNames {
    return this.#names.ofImage(id);
  }

  /** The names that lead to an image, for some platform. */
  namesOf(id: string): ImageNames {
    const own = this.#names.ofImage(id);
    const shared = this.#sharedNames(id);
    if (shared.length === 0) return own;
    const sorted = (list: readonly Reference[]): Reference[] => list.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    return {
      tags: sorted([...own.tags, ...shared.filter(({ digest }) => digest === undefined)]),
      digests: sorted([...own.digests, ...shared.filter(({ digest }) => digest !== undefined)]),
    };
  }

  /** The names whose index holds an image for another platform than the one that they mean. */
  #sharedNames(id: string): Reference[] {
    const shared = new Set<Reference>();
    for (const digest of this.#images.get(id)?.manifests ?? []) {
      const { tags, digests } = this.#names.ofTarget(digest);
      const others = [...tags, ...digests].filter((name) => this.reference(name)?.imageId !== id);
      if (others.length === 0 || !this.imagesOf(digest).some(({ image }) => image.id === id)) continue;
      for (const name of others) shared.add(name);
    }
    return [...shared];
  }

  /** Every reference with the image it stands for. */
  *references(): Generator<[Reference, string]> {
    for (const [key, { imageId }] of this.#references.entries()) {
      const reference = this.#names.reference(key);
      if (reference !== undefined) yield [reference, imageId];
    }
  }

  /** Digests that some name stands for. */
  targets(): Iterable<string> {
    return this.#names.targets();
  }

  /** The names that stand for a manifest or index. */
  namesOfTarget(digest: string): ImageNames {
    return this.#names.ofTarget(digest);
  }

  /** How many images were made on an image. */
  childCount(id: string): number {
    return this.#names.children(id);
  }

  /** The chain ids of an image's layers, bottom first. */
  chainOf({ config }: Readonly<ImageRecord>): readonly string[] {
    const known = this.#chains.get(config);
    if (known !== undefined) return known;
    const chain = chainIdsOf(config);
    this.#chains.set(config, chain);
    return chain;
  }

  putImage(transaction: Transaction, record: ImageRecord): void {
    transaction.put(this.#images, record.id, record);
  }

  deleteImage(transaction: Transaction, id: string): void {
    transaction.delete(this.#images, id);
  }

  /** @param target the digest of the manifest or index, whose record must be put too; null when there is none */
  putReference(
    transaction: Transaction,
    reference: Reference,
    imageId: string,
    target: string | null = reference.digest ?? null,
  ): void {
    transaction.put(this.#references, keyOf(reference), { imageId, target });
  }

  deleteReference(transaction: Transaction, reference: Reference): void {
    transaction.delete(this.#references, keyOf(reference));
  }

  putManifest(transaction: Transaction, record: ManifestRecord): void {
    transaction.put(this.#manifests, record.digest, record);
  }

  deleteManifest(transaction: Transaction, digest: string): void {
    transaction.delete(this.#manifests, digest);
  }

  /** Merges what a pull or load learnt of an image that may be here already. */
  merged(record: ImageRecord): ImageRecord {
    const known = this.#images.get(record.id);
    if (known === undefined) return record;
    return {
      ...record,
      config: known.config,
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
