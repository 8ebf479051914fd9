import type { LayerWorkers as Workers } from "../../../oci/layer/worker/pool.ts";
import { LayerWorkers } from "../../../oci/layer/worker/pool.ts";
import type { StorageDriver } from "../driver.ts";

/** What a driver's test brings: a fresh directory for each test, removed with every mount in it. */
export interface DriverFixture {
  open(root: string, workers: Workers): StorageDriver;
  directory(): Disposable & { path: string };
  /** What the program that merges the layers cannot do by its own fault. */
  lacks?: {
    /** Longest name of a file that can be made, bytes; 255 elsewhere. */
    nameMaxBytes?: number;
    /** Devices and fifos of an image cannot be changed or removed. */
    changedDevices?: boolean;
  };
}

/** One test's driver, on a root of its own. */
export type WithDriver = (
  work: (driver: StorageDriver, root: string, workers: Workers) => Promise<void>,
) => Promise<void>;

export const withDriver =
  (fixture: DriverFixture): WithDriver =>
  async (work) => {
    using directory = fixture.directory();
    await using workers = new LayerWorkers();
    await work(fixture.open(directory.path, workers), directory.path, workers);
  };

/** Makes a read-only layer whose files `fill` makes. */
export const makeLayer = async (
  driver: StorageDriver,
  id: string,
  parent: string | null,
  fill: (path: string) => void,
): Promise<void> => {
  await driver.create(id, parent);
  fill(driver.diffPath(id));
  await driver.seal(id);
};
