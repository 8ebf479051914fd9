import { join } from "node:path";
import type { JournalPlace } from "../../oci/layer/journal/rebuild.ts";
import type { StorageDriver } from "../storage/driver.ts";

/** Stands for the layer below the containers of an image without layers. */
export const scratch = "scratch";

/** The storage driver's name of the layer between an image's topmost layer and its containers. */
export const initIdOf = (cacheId: string): string => `${cacheId}-init`;

/** Where what belongs to a layer is, besides its files: `<root>/<cache id>/`. */
export class LayerPlaces {
  readonly root: string;
  readonly #driver: StorageDriver;

  constructor(root: string, driver: StorageDriver) {
    this.root = root;
    this.#driver = driver;
  }

  directory(cacheId: string): string {
    return join(this.root, cacheId);
  }

  /** Is there once the init layer on top of a layer is complete. */
  initMark(cacheId: string): string {
    return join(this.directory(cacheId), "init");
  }

  /** A layer's files, and the journal by which its archive is written again. */
  journal(cacheId: string): JournalPlace {
    const directory = this.directory(cacheId);
    return {
      root: this.#driver.diffPath(cacheId),
      journal: join(directory, "tar"),
      orphans: join(directory, "orphans"),
    };
  }
}
