// The image service with everything below it, in a directory of its own: for tests of images alone.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { Collector } from "../../src/daemon/content/collector.ts";
import { LayerStore } from "../../src/daemon/content/layer-store.ts";
import { Leases } from "../../src/daemon/content/leases.ts";
import { ImageService } from "../../src/daemon/image/service.ts";
import type { ImageServiceOptions } from "../../src/daemon/image/service.ts";
import { Database } from "../../src/daemon/state/database.ts";
import type { StoredEvent } from "../../src/daemon/event/event.ts";
import { Overlay2 } from "../../src/daemon/storage/overlay2/driver.ts";
import { BlobStore } from "../../src/oci/blob/store.ts";
import { LayerWorkers } from "../../src/oci/layer/worker/pool.ts";
import type { ProgressMessage } from "../../src/wire/engine/progress.ts";

export interface TestImages extends AsyncDisposable {
  images: ImageService;
  blobs: BlobStore;
  layers: LayerStore;
  database: Database;
  /** Every event, oldest first, as `action id-or-name`. */
  events: StoredEvent[];
  /** Where everything is. */
  root: string;
  /** Pulls and returns what was told. */
  pull(name: string, options?: Parameters<ImageService["pull"]>[1]): Promise<ProgressMessage[]>;
}

/** Opens a store in a new directory, which `prepare` may fill before; disposing closes and removes it. */
export const openImages = (
  registry: Partial<ImageServiceOptions["registry"]["settings"]> = {},
  more: Pick<ImageServiceOptions, "keepLayerBlobs" | "compressors"> & {
    prepare?: (root: string) => void;
    access?: Partial<ImageServiceOptions["registry"]>;
  } = {},
): TestImages => {
  const root = mkdtempSync(join(tmpdir(), "berth-images-"));
  more.prepare?.(root);
  const clock = systemClock();
  const database = Database.open(join(root, "state.db"), clock);
  const blobs = new BlobStore(join(root, "content"));
  const workers = new LayerWorkers();
  const driver = new Overlay2(join(root, "overlay2"), workers);
  const layers = new LayerStore({ root: join(root, "layers"), driver, database, workers, clock });
  const leases = new Leases(clock, database);
  const collector = new Collector({ blobs, layers, leases, roots: [() => images.roots()] });
  const images = new ImageService({
    database,
    blobs,
    layers,
    leases,
    clock,
    collect: () => collector.collect(),
    driverName: driver.name,
    engineVersion: "test",
    registry: {
      settings: { insecureRegistries: [], mirrors: [], certificatesDirectory: "/nonexistent", ...registry },
      userAgent: "berth-test",
      retry: { attempts: 3, firstDelayMs: 5, maxDelayMs: 20 },
      ...more.access,
    },
    keepLayerBlobs: more.keepLayerBlobs === true,
    ...(more.compressors === undefined ? {} : { compressors: more.compressors }),
  });
  const events: StoredEvent[] = [];
  database.subscribe((event) => events.push(event));
  return {
    images,
    blobs,
    layers,
    database,
    events,
    root,
    async pull(name, options = {}) {
      const told: ProgressMessage[] = [];
      await images.pull(name, options, (message) => told.push(message));
      return told;
    },
    async [Symbol.asyncDispose]() {
      await workers[Symbol.asyncDispose]();
      database.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
};
