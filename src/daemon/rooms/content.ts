import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { notImplemented } from "../../base/errors.ts";
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
import { Overlay2 } from "../storage/overlay2/driver.ts";
import { Trash } from "../storage/trash.ts";
import { Vfs } from "../storage/vfs/driver.ts";

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
export const openContent = (
  config: EngineConfig,
  database: Database,
  clock: Clock,
  roots: (() => Roots)[],
): ContentRoom => {
  const workers = new LayerWorkers();
  const driver = openDriver(config, workers);
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
  const leases = new Leases(clock);
  const collector = new Collector({ blobs, layers, leases, roots });
  const trash = new Trash(join(config.dataRoot, "containers/.trash"), workers);
  return { workers, blobs, layers, leases, collector, durability, trash };
};

/** Where everything about mapped owners is mounted. */
export const remapFolder = ({ execRoot }: EngineConfig): string => join(execRoot, "userns");

/** @throws EngineError not-implemented for a driver that this kernel or this version has not */
const openDriver = ({ dataRoot, images }: EngineConfig, workers: LayerWorkers): StorageDriver => {
  const name = images.storageDriver || "overlay2";
  switch (name) {
    case "overlay2":
      return new Overlay2(join(dataRoot, "overlay2"), workers);
    case "vfs":
      return new Vfs(join(dataRoot, "vfs"), workers);
    default:
      throw notImplemented(`error initializing graphdriver: driver not supported: ${name}`);
  }
};
