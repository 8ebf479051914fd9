import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";
import { Btrfs } from "./btrfs/driver.ts";
import type { StorageDriver } from "./driver.ts";
import { fuseOverlayfs } from "./fuse-overlayfs/kind.ts";
import type { DriverOptions } from "./options.ts";
import { Overlay2 } from "./overlay2/driver.ts";
import { kernelOverlay } from "./overlay2/kind.ts";
import type { OverlayKind } from "./overlay2/kind.ts";
import { Vfs } from "./vfs/driver.ts";

/** Makes a driver on its directory. @throws EngineError not-implemented when it cannot work there */
export type OpenDriver = (root: string, options: DriverOptions, workers: LayerWorkers) => StorageDriver;

const overlay =
  (kind: OverlayKind): OpenDriver =>
  (root, options, workers) =>
    new Overlay2(root, workers, options, kind);

/** The drivers that there are, by the names of `--storage-driver`; each has `<data root>/<name>` to itself. */
export const drivers: ReadonlyMap<string, OpenDriver> = new Map<string, OpenDriver>([
  ["overlay2", overlay(kernelOverlay("overlay2"))],
  ["overlay", overlay(kernelOverlay("overlay"))],
  ["fuse-overlayfs", overlay(fuseOverlayfs)],
  ["btrfs", (root, options, workers) => new Btrfs(root, workers, options)],
  ["vfs", (root, options, workers) => new Vfs(root, workers, options)],
]);
