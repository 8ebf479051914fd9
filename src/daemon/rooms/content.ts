import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { BlobStore } from "../../oci/blob/store.ts";
import { LayerWorkers } from "../../oci/layer/worker/pool.ts";
import type { EngineConfig } from "../config/config.ts";
import { Collector, type Roots } from "../content/collector.ts";
import { Durability } from "../content/durability.ts";
import { LayerStore } from "../content/layer-store.ts";
import { Leases } from "../content/leases.ts";
import type { Database } from "../state/database.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { MappedRoots } from "../storage/remap/roots.ts";
import { openStorage } from "../storage/open.ts";
import { Trash } from "../storage/trash.ts";

/** Where images' and containers' bytes are, and what keeps them there. */
export interface ContentRoom {
  workers: LayerWorkers;
  blobs: BlobStore;
  layers: LayerStore;
  leases: Leases;
  collector: Collector;
  durability: Durability;
  /** For the folders of removed containers. */
  trash: Trash;
}

/** @param roots what images and containers need; asked at each collection */
export const openContent = async (
  config: EngineConfig,
  database: Database,
  clock: Clock,
  roots: (() => Roots)[],
): Promise<ContentRoom> => {
  const workers = new LayerWorkers();
  const driver = await openDriver(config, database, workers);
  const stored = (): void => durability.stored();
  const blobs = new BlobStore(join(config.dataRoot, "content"), stored);
  const layers = new LayerStore({
    root: join(config.dataRoot, "layers"),
    driver,
    roots: new MappedRoots(remapFolder(config)),
    database,
    workers,
    clock,
    onStored: stored,
  });
  const durability = new Durability({ root: config.dataRoot, database, blobs, layers, workers, clock });
  const leases = new Leases(clock, database);
  const collector = new Collector({ blobs, layers, leases, roots });
  const trash = new Trash(join(config.dataRoot, "containers/.trash"), workers);
  return { workers, blobs, layers, leases, collector, durability, trash };
};

/** Where everything about mapped owners is mounted. */
export const remapFolder = ({ execRoot }: EngineConfig): string => join(execRoot, "userns");

interface StorageRecord {
  /** The storage driver of this data root. */
  driver: string;
}

/** The storage driver of the data root, chosen at the first start. @throws EngineError in dockerd's words */
const openDriver = async (
  { dataRoot, images }: EngineConfig,
  database: Database,
  workers: LayerWorkers,
): Promise<StorageDriver> => {
  const settings = database.table<StorageRecord>("settings");
  const driver = await openStorage({
    dataRoot,
    asked: images.storageDriver,
    options: images.storageOptions,
    prior: settings.get(recordKey)?.driver ?? earlier.find((name) => existsSync(join(dataRoot, name))) ?? null,
    isUsed: database.table("layers").size > 0 || database.table("containers").size > 0,
    workers,
  });
  if (settings.get(recordKey)?.driver !== driver.name) {
    database.transaction((transaction) => transaction.put(settings, recordKey, { driver: driver.name }));
  }
  return driver;
};

const recordKey = "storage";
/** The drivers that there were before they were noted. */
const earlier = ["overlay2", "vfs"];
