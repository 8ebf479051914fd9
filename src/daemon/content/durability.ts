import { readFileSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import type { BlobStore } from "../../oci/blob/store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";
import type { Database } from "../state/database.ts";
import type { Table } from "../state/table.ts";
import type { LayerStore } from "./layer-store.ts";

/** Content that was stored up to then is on the disk. */
interface SyncRecord {
  /** The boot that the record was written in. */
  bootId: string;
  syncedAtMs: number;
}

export interface DurabilityParts {
  /** Any directory of the filesystem that holds the content. */
  root: string;
  database: Database;
  blobs: BlobStore;
  layers: LayerStore;
  workers: LayerWorkers;
  clock: Clock;
  /** Another one than the kernel's, for tests. */
  bootId?: string;
}

/** How long new content waits for a sync, so that one serves a whole pull. */
const syncDelayMs = 15_000;
/** How far clocks and time stamps of files may disagree. */
const marginMs = 60_000;
const recordKey = "content-sync";

/**
 * Keeps content honest over a loss of power without waiting for the disk on every file: now and then everything is
 * synced and the time noted; after a boot, what is younger than that is read once and dropped when it is damaged.
 */
export class Durability implements AsyncDisposable {
  readonly #parts: DurabilityParts;
  readonly #bootId: string;
  readonly #table: Table<SyncRecord>;
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> = Promise.resolve();

  constructor(parts: DurabilityParts) {
    this.#parts = parts;
    this.#bootId = parts.bootId ?? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    this.#table = parts.database.table<SyncRecord>("settings");
  }

  /** False while the machine runs on that the content was last synced on: nothing can have been lost. */
  get isNewBoot(): boolean {
    return this.#table.get(recordKey)?.bootId !== this.#bootId;
  }

  /** Content was stored: syncs before long. */
  stored(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // A disk that fails says so at the next write; here the time is only not noted.
      this.sync().catch(() => {});
    }, syncDelayMs).unref();
  }

  /** Writes all content to the disk and notes the time. */
  async sync(): Promise<void> {
    const run = async (): Promise<void> => {
      const syncedAtMs = this.#parts.clock.now();
      await this.#parts.workers.run("sync", { path: this.#parts.root });
      this.#note(syncedAtMs);
    };
    this.#syncing = this.#syncing.then(run, run);
    await this.#syncing;
  }

  /**
   * After a boot: reads what may not have reached the disk, and removes what is damaged, with the layers on top of it.
   * To be called once, before anything uses content.
   *
   * @returns what was removed; records that name it must go, or it be fetched again.
   */
  async recover(): Promise<{ layers: Digest[]; blobs: Digest[] }> {
    const record = this.#table.get(recordKey);
    if (record?.bootId === this.#bootId) return { layers: [], blobs: [] };
    const since = (record?.syncedAtMs ?? 0) - marginMs;
    const { blobs, layers } = this.#parts;
    const badBlobs: Digest[] = [];
    for (const digest of blobs.list()) {
      if (blobs.takenInAt(digest) > since && !(await blobs.verify(digest))) badBlobs.push(digest);
    }
    const badLayers = new Set<Digest>();
    for (const layer of layers.all()) {
      if (layer.storedAtMs > since && !(await layers.verify(layer))) badLayers.add(layer.chainId);
    }
    const removed = layers
      .all()
      .filter(({ chainId }) => layers.chain(chainId).some((below) => badLayers.has(below.chainId)));
    await layers.remove(removed);
    for (const digest of badBlobs) await blobs.remove(digest);
    await layers.writable.refillInitLayers();
    await this.sync();
    return { layers: removed.map(({ chainId }) => chainId), blobs: badBlobs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#syncing.catch(() => {});
  }

  #note(syncedAtMs: number): void {
    const record: SyncRecord = { bootId: this.#bootId, syncedAtMs };
    this.#parts.database.transaction((transaction) => transaction.put(this.#table, recordKey, record));
  }
}
