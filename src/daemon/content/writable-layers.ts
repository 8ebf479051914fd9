import { existsSync, mkdirSync } from "node:fs";
import type { Readable } from "node:stream";
import { KeyedQueue } from "../../base/keyed-queue.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Change, StorageDriver } from "../storage/driver.ts";
import type { Remap } from "../storage/remap/remap.ts";
import type { MappedRoots } from "../storage/remap/roots.ts";
import { fillInitLayer } from "./init-layer.ts";
import { initIdOf, scratch } from "./layer-places.ts";
import type { LayerPlaces } from "./layer-places.ts";
import type { Layer } from "./layer.ts";

/** A layer that can be written to. */
export interface WritableLayer {
  id: string;
  /** The chain id of the image that it is on. */
  top: Digest | null;
  /** Made by `create`: with what every container finds in its root between the two. */
  hasInit: boolean;
}

/** What containers' layers are put on. */
interface ImageLayers {
  readonly driver: StorageDriver;
  need(chain: Digest): Layer;
  chain(top: Digest | null): Layer[];
  all(): Layer[];
  pin(chain: Digest | null): Disposable;
}

/** The layers that containers write to, each on top of an image's topmost layer. */
export class WritableLayers {
  readonly #images: ImageLayers;
  readonly #places: LayerPlaces;
  readonly #roots: MappedRoots | undefined;
  readonly #queue = new KeyedQueue();

  /** @param roots where the roots of containers with mapped owners are mounted */
  constructor(images: ImageLayers, places: LayerPlaces, roots: MappedRoots | undefined) {
    this.#images = images;
    this.#places = places;
    this.#roots = roots;
  }

  /** Makes a container's layer on top of an image's; null for an image without layers. */
  async create(id: string, parent: Digest | null, options?: Record<string, string>): Promise<void> {
    using _pin = this.#images.pin(parent);
    const init = await this.#initLayer(parent);
    await this.#driver.createWritable(id, init, options);
  }

  /** The same for a mount of an image: its files alone, without those that every container gets. */
  async createForMount(id: string, parent: Digest | null): Promise<void> {
    using _pin = this.#images.pin(parent);
    await this.#driver.createWritable(id, parent === null ? null : this.#images.need(parent).cacheId);
  }

  /**
   * The container's root filesystem on the host; mounted when this returns.
   * @param remap shows it with mapped owners: the same as long as it stays mounted
   */
  mount(id: string, remap?: Remap): string {
    if (remap === undefined) return this.#driver.mount(id);
    if (this.#roots === undefined) throw new Error("a layer store without a place for mapped roots");
    return this.#roots.mount(this.#driver, id, remap);
  }

  async unmount(id: string): Promise<void> {
    await Promise.all([this.#roots?.unmount(id), this.#driver.unmount(id)]);
  }

  /** The containers' layers that are mounted with mapped owners. */
  mapped(): string[] {
    return this.#roots?.ids() ?? [];
  }

  async unmountMapped(id: string): Promise<void> {
    await this.#roots?.unmount(id);
  }

  async remove(id: string): Promise<void> {
    await this.unmountMapped(id);
    await this.#driver.remove(id);
  }

  /** What a container changed, as `docker diff` tells it. */
  changes(id: string): Promise<Change[]> {
    return this.#driver.changes(id);
  }

  /** The archive of what a container changed. */
  diff(id: string): Readable {
    return this.#driver.diff(id);
  }

  /** Bytes of a container's own files. */
  size(id: string): Promise<number> {
    return this.#driver.size(id);
  }

  /** Bytes of a container's own files and of all layers below. */
  async rootSize(id: string, parent: Digest | null): Promise<number> {
    return this.#images.chain(parent).reduce((sum, { sizeBytes }) => sum + sizeBytes, await this.size(id));
  }

  /** Makes what a power loss may have taken from the layers between images and containers. No container runs yet. */
  async refillInitLayers(): Promise<void> {
    for (const cacheId of [scratch, ...this.#images.all().map((layer) => layer.cacheId)]) {
      const id = initIdOf(cacheId);
      if (!existsSync(this.#places.initMark(cacheId)) || !this.#driver.exists(id)) continue;
      fillInitLayer(this.#driver.mount(id));
      await this.#driver.unmount(id);
    }
  }

  get #driver(): StorageDriver {
    return this.#images.driver;
  }

  /** The layer between an image and its containers, made at the first container of an image. */
  async #initLayer(parent: Digest | null): Promise<string> {
    const below = parent === null ? null : this.#images.need(parent).cacheId;
    const cacheId = below ?? scratch;
    const id = initIdOf(cacheId);
    const mark = this.#places.initMark(cacheId);
    if (existsSync(mark)) return id;
    return this.#queue.run(id, async () => {
      if (existsSync(mark)) return id;
      await this.#driver.remove(id);
      await this.#driver.createWritable(id, below);
      fillInitLayer(this.#driver.mount(id));
      await this.#driver.unmount(id);
      // Not sealed: `refillInitLayers` writes to it again.
      mkdirSync(mark, { recursive: true, mode: 0o700 });
      return id;
    });
  }
}
