import type { Digest } from "../../oci/digest.ts";
import { isDigest } from "../../oci/digest.ts";
import { listRepositories } from "../content/catalog.ts";
import type { Quota } from "../content/quota.ts";
import { fault } from "../fault.ts";
import { listLinked } from "../gc/repository.ts";
import { blobKey, blobsFolder, layersFolder, revisionsFolder } from "../storage/keys.ts";
import type { Storage } from "../storage/storage.ts";

export interface QuotaLimits {
  registryBytes: number | undefined;
  repositoryBytes: number | undefined;
}

/**
 * Counts the bytes of blobs and manifests: of the registry each once, of a repository each that it has. What others
 * have too counts for every repository.
 */
export class CountedQuota implements Quota {
  readonly #limits: QuotaLimits;
  readonly #blobs = new Map<Digest, number>();
  readonly #repositories = new Map<string, Map<Digest, number>>();
  readonly #repositoryBytes = new Map<string, number>();
  /** What was admitted and is not linked yet. */
  readonly #admitted = new Set<{ repository: string; digest: Digest; newBytes: number; storedBytes: number }>();
  #registryBytes = 0;

  private constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  /** Counts what is there. */
  static async open(storage: Storage, limits: QuotaLimits): Promise<CountedQuota> {
    const quota = new CountedQuota(limits);
    for await (const { name: algorithm } of storage.list(blobsFolder)) {
      for await (const { name: shard } of storage.list(`${blobsFolder}/${algorithm}`)) {
        for await (const { name: hex } of storage.list(`${blobsFolder}/${algorithm}/${shard}`)) {
          const digest = `${algorithm}:${hex}`;
          if (isDigest(digest)) quota.#store(digest, (await storage.stat(blobKey(digest)))?.sizeBytes ?? 0);
        }
      }
    }
    for await (const repository of listRepositories(storage)) {
      for (const folder of [layersFolder(repository), revisionsFolder(repository)]) {
        for await (const digest of listLinked(storage, folder)) {
          quota.linked(repository, digest, quota.#blobs.get(digest) ?? 0);
        }
      }
    }
    return quota;
  }

  admit(repository: string, digest: Digest, sizeBytes: number): Disposable {
    const storedBytes = this.#blobs.has(digest) ? 0 : sizeBytes;
    const newBytes = this.#repositories.get(repository)?.has(digest) ? 0 : sizeBytes;
    const { registryBytes = Infinity, repositoryBytes = Infinity } = this.#limits;
    let [inRegistry, inRepository] = [this.#registryBytes, this.#repositoryBytes.get(repository) ?? 0];
    for (const other of this.#admitted) {
      inRegistry += other.storedBytes;
      if (other.repository === repository) inRepository += other.newBytes;
    }
    if (newBytes > 0 && inRepository + newBytes > repositoryBytes) {
      throw exceeded(`repository ${repository}`, repositoryBytes);
    }
    if (storedBytes > 0 && inRegistry + storedBytes > registryBytes) throw exceeded("registry", registryBytes);
    const room = { repository, digest, newBytes, storedBytes };
    this.#admitted.add(room);
    return { [Symbol.dispose]: () => void this.#admitted.delete(room) };
  }

  linked(repository: string, digest: Digest, sizeBytes: number): void {
    // From here on it is counted itself.
    for (const room of this.#admitted) {
      if (room.digest === digest && room.repository === repository) this.#admitted.delete(room);
    }
    this.#store(digest, sizeBytes);
    const known = this.#repositories.get(repository) ?? new Map<Digest, number>();
    this.#repositories.set(repository, known);
    if (known.has(digest)) return;
    known.set(digest, sizeBytes);
    this.#repositoryBytes.set(repository, (this.#repositoryBytes.get(repository) ?? 0) + sizeBytes);
  }

  unlinked(repository: string, digest: Digest): void {
    const known = this.#repositories.get(repository);
    const sizeBytes = known?.get(digest);
    if (known === undefined || sizeBytes === undefined) return;
    known.delete(digest);
    this.#repositoryBytes.set(repository, (this.#repositoryBytes.get(repository) ?? 0) - sizeBytes);
    if (known.size > 0) return;
    this.#repositories.delete(repository);
    this.#repositoryBytes.delete(repository);
  }

  removed(digest: Digest): void {
    this.#registryBytes -= this.#blobs.get(digest) ?? 0;
    this.#blobs.delete(digest);
  }

  leftBytes(repository: string): number {
    const { registryBytes = Infinity, repositoryBytes = Infinity } = this.#limits;
    // A blob that the registry has already costs it nothing: an upload of one is refused only when it is complete.
    return Math.min(registryBytes, repositoryBytes - (this.#repositoryBytes.get(repository) ?? 0));
  }

  #store(digest: Digest, sizeBytes: number): void {
    if (this.#blobs.has(digest)) return;
    this.#blobs.set(digest, sizeBytes);
    this.#registryBytes += sizeBytes;
  }
}

const exceeded = (of: string, limitBytes: number) =>
  fault("DENIED", { message: `the quota of ${of} is exceeded: ${limitBytes} bytes`, detail: { limitBytes } });
