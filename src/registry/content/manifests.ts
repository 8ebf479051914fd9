import { createHash } from "node:crypto";
import { KeyedQueue } from "../../base/keyed-queue.ts";
import { algorithmOf, isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import { fault } from "../fault.ts";
import { blobKey, layerKey, referrerKey, revisionKey, tagKey, tagsFolder } from "../storage/keys.ts";
import type { Storage } from "../storage/storage.ts";
import type { BlobsOptions } from "./blobs.ts";
import { readManifest } from "./document.ts";
import type { ManifestDocument } from "./document.ts";
import { Lru } from "./lru.ts";

/** **Source:** OCI distribution-spec, Pushing manifests: registries should take 4 MiB. */
export const maxManifestBytes = 4 * 1024 * 1024;
/** Manifests that are kept in memory. */
const rememberedBytes = 64 * 1024 * 1024;

export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
}

/** Which of the things that a manifest names must be there when it is pushed. */
export interface ManifestChecks {
  /** Config and layers. */
  blobs: boolean;
  /** What an index names: all, or none for indexes that are kept in part. */
  manifests: boolean;
}

export interface PushedManifest {
  digest: Digest;
  document: ManifestDocument;
}

/** The manifests and tags of a registry. */
export class Manifests {
  readonly #options: BlobsOptions;
  readonly #checks: ManifestChecks;
  readonly #remembered = new Lru<Digest, StoredManifest>(rememberedBytes);
  /** Of a repository one at a time: a tag that is set while its manifest is removed would lead nowhere. */
  readonly #changes = new KeyedQueue();

  constructor(options: BlobsOptions, checks: ManifestChecks) {
    this.#options = options;
    this.#checks = checks;
  }

  /** What a tag or digest stands for, when all of it is remembered: the short way of most requests. */
  remembered(repository: string, reference: string): StoredManifest | undefined {
    const { links } = this.#options;
    const digest = reference.includes(":") ? reference : links.known(tagKey(repository, reference));
    if (typeof digest !== "string" || !links.known(revisionKey(repository, digest))) return undefined;
    return this.#remembered.get(digest);
  }

  /** The manifest of a tag or digest; null when the repository has it not. */
  async get(repository: string, reference: string): Promise<StoredManifest | null> {
    const digest = isDigest(reference) ? reference : await this.resolve(repository, reference);
    if (digest === null || !(await this.has(repository, digest))) return null;
    const known = this.#remembered.get(digest);
    if (known !== undefined) return known;
    const bytes = await this.#options.storage.read(blobKey(digest), maxManifestBytes);
    if (bytes === null) return null;
    const stored = { digest, bytes, mediaType: readManifest(bytes).mediaType };
    this.#remembered.set(digest, stored, bytes.length + 1024);
    return stored;
  }

  async resolve(repository: string, tag: string): Promise<Digest | null> {
    return this.#options.links.read(tagKey(repository, tag));
  }

  async has(repository: string, digest: Digest): Promise<boolean> {
    return (await this.#options.links.read(revisionKey(repository, digest))) !== null;
  }

  /**
   * Keeps a manifest, and points tags at it.
   *
   * @param digest what it must hash to; undefined when a tag is pushed
   * @throws RegistryFault MANIFEST_INVALID, DIGEST_INVALID, MANIFEST_BLOB_UNKNOWN, DENIED (quota)
   */
  async put(
    repository: string,
    content: { bytes: Buffer; contentType: string; digest: Digest | undefined; tags: readonly string[] },
  ): Promise<PushedManifest> {
    const { bytes, contentType } = content;
    const algorithm = content.digest === undefined ? "sha256" : algorithmOf(content.digest);
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
    if (content.digest !== undefined && content.digest !== digest) throw fault("DIGEST_INVALID", { detail: digest });
    const document = readManifest(bytes, contentType);
    const { pins, links, storage, changes, quota } = this.#options;
    const needed = [...document.blobs, ...document.manifests.map((manifest) => manifest.digest)];
    using _held = await pins.hold([digest, ...needed]);
    changes.linked(repository, [digest, ...needed]);
    await this.#checkReferences(repository, document);
    using _admitted = quota.admit(repository, digest, bytes.length);
    const known = await storage.stat(blobKey(digest));
    if (known?.sizeBytes !== bytes.length) await storage.write(blobKey(digest), bytes);
    await this.#changes.run(repository, async () => {
      if (document.subject !== undefined) {
        const entry = Buffer.from(JSON.stringify(referrerOf(digest, bytes.length, document)));
        await storage.write(referrerKey(repository, document.subject, digest), entry);
      }
      await links.write(revisionKey(repository, digest), digest);
      quota.linked(repository, digest, bytes.length);
      for (const tag of content.tags) await links.write(tagKey(repository, tag), digest);
    });
    // Again: a collection may have begun in between, and looked before the links were there.
    changes.linked(repository, [digest, ...needed]);
    return { digest, document };
  }

  async #checkReferences(repository: string, document: ManifestDocument): Promise<void> {
    const missing: Digest[] = [];
    if (this.#checks.blobs) {
      for (const digest of document.blobs) if (!(await this.#hasBlob(repository, digest))) missing.push(digest);
    }
    if (this.#checks.manifests) {
      for (const { digest } of document.manifests) if (!(await this.has(repository, digest))) missing.push(digest);
    }
    if (missing.length === 0) return;
    const [first = ""] = missing;
    throw fault("MANIFEST_BLOB_UNKNOWN", { message: `blob unknown to registry: ${first}`, detail: missing });
  }

  async #hasBlob(repository: string, digest: Digest): Promise<boolean> {
    return (await this.#options.links.read(layerKey(repository, digest))) !== null;
  }

  /** Removes a manifest and the tags that point at it. @returns those tags, or null when it was not there. */
  remove(repository: string, digest: Digest): Promise<string[] | null> {
    return this.#changes.run(repository, () => this.#remove(repository, digest));
  }

  async #remove(repository: string, digest: Digest): Promise<string[] | null> {
    const { links, storage, quota } = this.#options;
    if (!(await this.has(repository, digest))) return null;
    const removed: string[] = [];
    for await (const tag of listTags(storage, repository)) {
      if ((await this.resolve(repository, tag)) === digest && (await links.remove(tagKey(repository, tag)))) {
        removed.push(tag);
      }
    }
    const stored = await this.#subjectOf(digest);
    if (stored !== undefined) await storage.remove(referrerKey(repository, stored, digest));
    await links.remove(revisionKey(repository, digest));
    await quota.unlinked(repository, digest);
    return removed;
  }

  async #subjectOf(digest: Digest): Promise<Digest | undefined> {
    const bytes = await this.#options.storage.read(blobKey(digest), maxManifestBytes);
    try {
      return bytes === null ? undefined : readManifest(bytes).subject;
    } catch {
      return undefined;
    }
  }

  /** @returns false when there is no such tag. */
  async untag(repository: string, tag: string): Promise<boolean> {
    return this.#options.links.remove(tagKey(repository, tag));
  }
}

/** The descriptor that the list of referrers shows. **Source:** OCI distribution-spec, Listing referrers. */
export const referrerOf = (digest: Digest, size: number, document: ManifestDocument): Record<string, unknown> => ({
  mediaType: document.mediaType,
  digest,
  size,
  ...(document.artifactType === undefined ? {} : { artifactType: document.artifactType }),
  ...(document.annotations === undefined ? {} : { annotations: document.annotations }),
});

/** A repository's tags in the order of their bytes, after `after`. */
export async function* listTags(storage: Storage, repository: string, after = ""): AsyncGenerator<string, void, void> {
  for await (const { name, isFolder } of storage.list(tagsFolder(repository), after)) if (isFolder) yield name;
}
