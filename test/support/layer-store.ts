import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { LayerStore } from "../../src/daemon/content/layer-store.ts";
import { Leases } from "../../src/daemon/content/leases.ts";
import { Database } from "../../src/daemon/state/database.ts";
import type { StorageDriver } from "../../src/daemon/storage/driver.ts";
import { Overlay2 } from "../../src/daemon/storage/overlay2/driver.ts";
import type { LayerWorkers } from "../../src/oci/layer/worker/pool.ts";

/** A layer store on overlay2 with a database of its own, all in one directory. */
export const openLayerStore = (
  root: string,
  workers: LayerWorkers,
  driver: StorageDriver = new Overlay2(join(root, "overlay2"), workers),
) => {
  const clock = systemClock();
  const database = Database.open(join(root, "state.db"));
  const layers = new LayerStore({ root: join(root, "layers"), driver, database, workers, clock });
  return { database, driver, layers, leases: new Leases(clock), [Symbol.dispose]: () => database.close() };
};
