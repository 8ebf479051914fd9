import type { Digest } from "../../oci/digest.ts";
import { isDigest } from "../../oci/digest.ts";
import { listRepositories } from "../content/catalog.ts";
import type { Quota, Reservation } from "../content/quota.ts";
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
 * have too counts for every repository. Each upload counts with what has come of it, for both.
 */
export class CountedQuota implements Quota {
  readonly counts = true;
  readonly #limits: QuotaLimits;
  readonly #blobs = new Map<Digest, number>();
  readonly #repositories = new Map<string, Map<Digest, number>>();
  readonly #repositoryBytes = new Map<string, number>();
  /** What was admitted and is not linked yet. */
  readonly #admitted = new Set<{ repository: string; digest: Digest; newBytes: number; storedBytes: number }>();
  /** Of uploads: sums beside, since every chunk is compared with them. */
  readonly #reserved = new Map<Reservation, { repository: string; bytes: number }>();
  readonly #reservedIn = new Map<string, number>();
  #reservedBytes = 0;
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

  admit(repository: string, digest: Digest, sizeBytes: number, reserved?: Reservation): Disposable {
    const storedBytes = this.#blobs.has(digest) ? 0 : sizeBytes;
    const newBytes = this.#repositories.get(repository)?.has(digest) ? 0 : sizeBytes;
    this.#check(repository, { newBytes, storedBytes }, reserved);
    reserved?.[Symbol.dispose]();
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

  reserve(repository: string): Reservation {
    const counted = { repository, bytes: 0 };
    const check = (moreBytes: number): void => this.#check(repository, { newBytes: moreBytes, storedBytes: moreBytes });
    const set = (bytes: number): void => {
      const inRepository = (this.#reservedIn.get(repository) ?? 0) + bytes - counted.bytes;
      if (inRepository > 0) this.#reservedIn.set(repository, inRepository);
      else this.#reservedIn.delete(repository);
      this.#reservedBytes += bytes - counted.bytes;
      counted.bytes = bytes;
      if (bytes > 0) this.#reserved.set(reservation, counted);
      else this.#reserved.delete(reservation);
    };
    const reservation: Reservation = {
      check,
      grow: (moreBytes) => {
        check(moreBytes);
        set(counted.bytes + moreBytes);
      },
      set,
      [Symbol.dispose]: () => set(0),
    };
    return reservation;
  }

  /** @throws RegistryFault DENIED when so many bytes more are too many beside what is there and on its way. */
  #check(repository: string, more: { newBytes: number; storedBytes: number }, but?: Reservation): void {
    const { registryBytes = Infinity, repositoryBytes = Infinity } = this.#limits;
    let [inRegistry, inRepository] = [this.#registryBytes, this.#repositoryBytes.get(repository) ?? 0];
    for (const other of this.#admitted) {
      inRegistry += other.storedBytes;
      if (other.repository === repository) inRepository += other.newBytes;
    }
    const own = but === undefined ? undefined : this.#reserved.get(but);
    inRegistry += this.#reservedBytes - (own?.bytes ?? 0);
    inRepository += (this.#reservedIn.get(repository) ?? 0) - (own?.repository === repository ? own.bytes : 0);
    if (more.newBytes > 0 && inRepository + more.newBytes > repositoryBytes) {
      throw exceeded(`repository ${repository}`, repositoryBytes, inRepository);
    }
    if (more.storedBytes > 0 && inRegistry + more.storedBytes > registryBytes) {
      throw exceeded("registry", registryBytes, inRegistry);
    }
  }

  #store(digest: Digest, sizeBytes: number): void {
    if (this.#blobs.has(digest)) return;
    this.#blobs.set(digest, sizeBytes);
    this.#registryBytes += sizeBytes;
  }
}

const exceeded = (of: string, limitBytes: number, usedBytes: number) => {
  const leftBytes = Math.max(0, limitBytes - usedBytes);
  const message = `the quota of ${of} is exceeded: ${leftBytes} of ${limitBytes} bytes are left`;
  return fault("DENIED", { message, detail: { limitBytes, leftBytes } });
};
