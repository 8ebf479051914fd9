import { rm, stat } from "node:fs/promises";
import type { Digest } from "../../oci/digest.ts";
import { KeyedQueue } from "../../base/keyed-queue.ts";
import { fault } from "../fault.ts";
import { blobKey, layerKey } from "../storage/keys.ts";
import type { Storage, StoredObject } from "../storage/storage.ts";
import type { Changes } from "./changes.ts";
import type { Links } from "./links.ts";
import type { Pins } from "./pins.ts";
import type { Quota } from "./quota.ts";
import type { Uses } from "./uses.ts";

export interface BlobsOptions {
  storage: Storage;
  links: Links;
  pins: Pins;
  uses: Uses;
  changes: Changes;
  quota: Quota;
}

/** The blobs of a registry, each stored once, and which repository has which. */
export class Blobs {
  readonly #options: BlobsOptions;
  readonly #commits = new KeyedQueue();

  constructor(options: BlobsOptions) {
    this.#options = options;
  }

  /** Whether a repository has a blob, and its size; null when it has not. */
  async stat(repository: string, digest: Digest): Promise<number | null> {
    const { links, storage, uses } = this.#options;
    if ((await links.read(layerKey(repository, digest))) === null) return null;
    uses.note(repository, digest);
    return (await storage.stat(blobKey(digest)))?.sizeBytes ?? null;
  }

  /** Opens a blob that a repository has. */
  async open(repository: string, digest: Digest): Promise<StoredObject | null> {
    const { links, storage, uses } = this.#options;
    if ((await links.read(layerKey(repository, digest))) === null) return null;
    uses.note(repository, digest);
    return storage.open(blobKey(digest));
  }

  /** A local file whose digest was verified becomes a repository's blob; it is gone afterwards. */
  async commit(repository: string, digest: Digest, path: string): Promise<void> {
    using _held = await this.#options.pins.hold([digest]);
    await this.#commits.run(digest, async () => {
      const { storage, quota } = this.#options;
      const known = await storage.stat(blobKey(digest));
      const { size: sizeBytes } = await stat(path);
      using _admitted = quota.admit(repository, digest, sizeBytes);
      // One of another size was spoiled on the disk: it gives way to what was just verified.
      if (known?.sizeBytes === sizeBytes) await rm(path, { force: true });
      else await storage.take(blobKey(digest), path);
      await this.#link(repository, digest, sizeBytes);
    });
  }

  /** A repository gets a blob that another has. @returns false when the other has not. */
  async mount(from: string, repository: string, digest: Digest): Promise<boolean> {
    using _held = await this.#options.pins.hold([digest]);
    const sizeBytes = await this.stat(from, digest);
    if (sizeBytes === null) return false;
    await this.#commits.run(digest, async () => {
      using _admitted = this.#options.quota.admit(repository, digest, sizeBytes);
      await this.#link(repository, digest, sizeBytes);
    });
    return true;
  }

  /** A repository has the blob no longer; its bytes go with the next collection. @throws RegistryFault BLOB_UNKNOWN */
  async remove(repository: string, digest: Digest): Promise<void> {
    const { links, quota } = this.#options;
    await this.#commits.run(digest, async () => {
      if (!(await links.remove(layerKey(repository, digest)))) throw fault("BLOB_UNKNOWN", { detail: digest });
      await quota.unlinked(repository, digest);
    });
  }

  async #link(repository: string, digest: Digest, sizeBytes: number): Promise<void> {
    const { links, uses, changes, quota } = this.#options;
    changes.linked(repository, [digest]);
    uses.note(repository, digest);
    await links.write(layerKey(repository, digest), digest);
    // Again: a collection may have begun in between, and looked before the link was there.
    changes.linked(repository, [digest]);
    quota.linked(repository, digest, sizeBytes);
  }
}
