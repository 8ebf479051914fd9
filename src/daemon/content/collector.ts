import type { BlobStore } from "../../oci/blob/store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Layer } from "./layer.ts";
import type { LayerStore } from "./layer-store.ts";
import type { Leases } from "./leases.ts";

/** What somebody needs: blobs by digest, layers by chain id (those below them are needed with them). */
export interface Roots {
  blobs: Iterable<Digest>;
  layers: Iterable<Digest>;
}

export interface Collected {
  blobs: number;
  layers: number;
  bytes: number;
}

/** Removes the content that no image, no container and no live lease reaches. */
export class Collector {
  readonly #blobs: BlobStore;
  readonly #layers: LayerStore;
  readonly #leases: Leases;
  readonly #roots: (() => Roots)[];
  #running: Promise<Collected> | null = null;

  /** @param roots asked at each collection: images, containers, the build cache. Synchronous, so that they agree. */
  constructor(parts: { blobs: BlobStore; layers: LayerStore; leases: Leases; roots: (() => Roots)[] }) {
    this.#blobs = parts.blobs;
    this.#layers = parts.layers;
    this.#leases = parts.leases;
    this.#roots = parts.roots;
  }

  /** Collections do not overlap: who asks during one gets the next one's result. */
  async collect(): Promise<Collected> {
    const before = this.#running;
    const run = (async () => {
      await before?.catch(() => {});
      return this.#collect();
    })();
    this.#running = run;
    return run;
  }

  async #collect(): Promise<Collected> {
    // Roots are read and records deleted in one turn: nothing can begin to use a layer in between.
    const live = this.#live();
    const layers = this.#unreached(live.layers);
    const removing = this.#layers.remove(layers);
    const blobs = this.#blobs.list().filter((digest) => !live.blobs.has(digest));
    let bytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const sizes = blobs.map((digest) => this.#blobs.size(digest));
    bytes += sizes.reduce((sum, size) => sum + size, 0);
    const removals = blobs.map((digest) => this.#blobs.remove(digest));
    await Promise.all([removing, ...removals]);
    return { blobs: blobs.length, layers: layers.length, bytes };
  }

  #live(): { blobs: Set<Digest>; layers: Set<Digest> } {
    const live = this.#leases.held();
    for (const roots of this.#roots) {
      const { blobs, layers } = roots();
      for (const digest of blobs) live.blobs.add(digest);
      for (const chain of layers) live.layers.add(chain);
    }
    for (const chain of this.#layers.pinned()) live.layers.add(chain);
    return live;
  }

  #unreached(roots: Set<Digest>): Layer[] {
    const reached = new Set<Digest>();
    for (const root of roots) {
      for (let layer = this.#layers.get(root); layer !== undefined && !reached.has(layer.chainId);) {
        reached.add(layer.chainId);
        layer = layer.parent === null ? undefined : this.#layers.get(layer.parent);
      }
    }
    return this.#layers.all().filter(({ chainId }) => !reached.has(chainId));
  }
}
