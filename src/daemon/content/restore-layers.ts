import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../oci/digest.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { Trash } from "../storage/trash.ts";
import { initIdOf, scratch } from "./layer-places.ts";
import type { LayerPlaces } from "./layer-places.ts";
import type { Layer } from "./layer.ts";
import type { WritableLayer, WritableLayers } from "./writable-layers.ts";

interface Layers {
  readonly driver: StorageDriver;
  readonly writable: WritableLayers;
  all(): Layer[];
  get(chain: Digest): Layer | undefined;
  need(chain: Digest): Layer;
  chain(top: Digest | null): Layer[];
}

/** Removes layers, their journals and mounts that no record names: what an earlier daemon left half done. */
export const removeLeftOvers = async (
  layers: Layers,
  places: LayerPlaces,
  trash: Trash,
  writable: readonly WritableLayer[],
): Promise<void> => {
  const known = layers.all().map(({ cacheId }) => cacheId);
  const kept = new Set([...writable.map(({ id }) => id), ...known]);
  for (const cacheId of [...known, scratch]) if (existsSync(places.initMark(cacheId))) kept.add(initIdOf(cacheId));
  for (const id of layers.writable.mapped()) if (!kept.has(id)) await layers.writable.unmountMapped(id);
  for (const id of layers.driver.list()) if (!kept.has(id)) await layers.driver.remove(id);
  for (const name of readdirSync(places.root)) {
    if (name !== ".trash" && !kept.has(name) && name !== scratch) trash.throwAway(join(places.root, name));
  }
};

/** What is below each layer is known from the records, where the driver's own note went with a loss of power. */
export const mendParents = (layers: Layers, writable: readonly WritableLayer[]): void => {
  const seen = new Set<string>();
  const mend = (id: string, parent: string | null): void => {
    if (seen.has(id) || !layers.driver.exists(id)) return;
    seen.add(id);
    layers.driver.mendParent(id, parent);
  };
  for (const { chainId: chain } of layers.all()) {
    // From the lowest up: each note is made from that of the layer below.
    for (const { cacheId, parent } of layers.chain(chain).toReversed()) {
      if (!seen.has(cacheId)) mend(cacheId, parent === null ? null : layers.need(parent).cacheId);
    }
  }
  for (const below of [null, ...layers.all().map(({ cacheId }) => cacheId)]) mend(initIdOf(below ?? scratch), below);
  for (const { id, top, hasInit } of writable) {
    const below = top === null ? null : layers.get(top)?.cacheId;
    if (below !== undefined) mend(id, hasInit ? initIdOf(below ?? scratch) : below);
  }
};
