import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { notFound } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import { KeyedQueue } from "../../base/keyed-queue.ts";
import { chainId } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import { compressedLayer } from "../../oci/layer/compressed.ts";
import { assemble, rebuild, unpackFrom } from "../../oci/layer/transfer.ts";
import type { ArchiveSource } from "../../oci/layer/transfer.ts";
import type { Unpacked } from "../../oci/layer/unpack.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";
import type { Database } from "../state/database.ts";
import type { Table } from "../state/table.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { MappedRoots } from "../storage/remap/roots.ts";
import { Trash } from "../storage/trash.ts";
import { checkedSource } from "./checked-source.ts";
import { LayerPlaces, initIdOf } from "./layer-places.ts";
import { DiffIdMismatch } from "./layer.ts";
import type { Layer } from "./layer.ts";
import type { Lease } from "./leases.ts";
import { mendParents, removeLeftOvers } from "./restore-layers.ts";
import { WritableLayers } from "./writable-layers.ts";
import type { WritableLayer } from "./writable-layers.ts";

export interface LayerStoreParts {
  /** For the tar journals: `<data root>/layers`, on the storage driver's filesystem. */
  root: string;
  driver: StorageDriver;
  /** Where the roots of containers with mapped owners are mounted. */
  roots?: MappedRoots;
  database: Database;
  workers: LayerWorkers;
  clock: Clock;
  /** Hears that a layer was stored. */
  onStored?: () => void;
}

export interface StageOptions {
  /** What the archive must be as it comes, compressed or not: checked in the same pass, for streams only. */
  blob?: { digest: Digest; sizeBytes?: number | undefined } | undefined;
  signal?: AbortSignal | undefined;
  /** Hears how many bytes of the archive, as it comes, have been taken so far. */
  onProgress?: ((bytes: number) => void) | undefined;
  /** Waited for before the archive is unpacked, and given back after that: bounds how many are unpacked at a time. */
  turn?: ((signal: AbortSignal | undefined) => Promise<Disposable>) | undefined;
}

export interface RegisterOptions extends StageOptions {
  /** What the uncompressed archive must hash to. */
  diffId?: Digest | undefined;
  /** The chain id that the layer will have, when it is known before its parent is there. */
  chainId?: Digest | undefined;
  /** Keeps the layer until a record names it. */
  lease: Lease;
}

/** A layer that is unpacked and not in the store: nobody knows yet what is below it. */
export interface StagedLayer extends Unpacked {
  /** The storage driver's name for it. */
  readonly cacheId: string;
}

/** A piece of an archive that is put together. */
export type AssembledPart = { bytes: Uint8Array } | { path: string; sizeBytes: number } | { chainId: Digest };

/**
 * Layers by their chain id, and the writable layers of containers on top of them. A layer is in the store once its
 * record is committed; anything else on the disk is a left-over that `restore` removes.
 */
export class LayerStore {
  readonly #parts: LayerStoreParts;
  readonly #table: Table<Layer>;
  readonly #trash: Trash;
  readonly #places: LayerPlaces;
  /** The layers of containers. */
  readonly writable: WritableLayers;
  readonly #queue = new KeyedQueue();
  /** Chain ids that a running operation builds on. */
  readonly #pinned = new Map<Digest, number>();

  constructor(parts: LayerStoreParts) {
    this.#parts = parts;
    this.#table = parts.database.table<Layer>("layers");
    mkdirSync(parts.root, { recursive: true, mode: 0o700 });
    this.#trash = new Trash(join(parts.root, ".trash"), parts.workers);
    this.#places = new LayerPlaces(parts.root, parts.driver);
    this.writable = new WritableLayers(this, this.#places, parts.roots);
  }

  get driver(): StorageDriver {
    return this.#parts.driver;
  }

  get(chain: Digest): Layer | undefined {
    return this.#table.get(chain);
  }

  all(): Layer[] {
    return [...this.#table.values()];
  }

  /** A layer and all below it, the topmost first. @throws EngineError `not-found` */
  chain(top: Digest | null): Layer[] {
    const layers: Layer[] = [];
    for (let next = top; next !== null;) {
      const layer = this.need(next);
      layers.push(layer);
      next = layer.parent;
    }
    return layers;
  }

  /**
   * Unpacks an archive, compressed or not, on top of `parent`. The same layer is unpacked once, however many ask at the
   * same time; the sources of the others are destroyed unread.
   *
   * A parent that is still being registered may be given as the promise of its chain id: layers of one image, each with
   * the promise of the one below, are unpacked side by side where the driver can, and stored in order.
   *
   * @throws DiffIdMismatch, TarError, CompressionError, ContentMismatch, what the source failed with, or what the parent
   * did. Nothing is left behind then.
   */
  async register(
    parent: Digest | null | Promise<Digest | null>,
    source: ArchiveSource,
    options: RegisterOptions,
  ): Promise<Layer> {
    const below = Promise.resolve(parent);
    // Awaited when it is needed, which may be later than it fails.
    below.catch(() => {});
    const given = parent instanceof Promise ? null : parent;
    using _pin = this.pin(given);
    try {
      if (given !== null) this.need(given);
      const expected = options.chainId ?? (options.diffId === undefined ? null : chainId(await below, options.diffId));
      if (expected !== null) options.lease.add("layer", expected);
      return await this.#queue.run(expected ?? newId(), async () => {
        options.signal?.throwIfAborted();
        const known = expected === null ? undefined : this.get(expected);
        if (known === undefined) return this.#unpack(below, source, options);
        destroy(source);
        return known;
      });
    } catch (error) {
      destroy(source);
      throw error;
    }
  }

  /** Whether an archive can be unpacked before the layer below it is there: `stage`. */
  get canStage(): boolean {
    return this.driver.independent;
  }

  /**
   * Unpacks an archive, compressed or not, before it is known what is below it. It is nobody's until it is adopted; a
   * restart removes it.
   *
   * @throws TarError, CompressionError, ContentMismatch, or what the source failed with. Nothing is left behind then.
   */
  async stage(source: ArchiveSource, options: StageOptions): Promise<StagedLayer> {
    const cacheId = newId();
    try {
      await this.driver.create(cacheId, null);
      mkdirSync(this.#places.directory(cacheId), { mode: 0o700 });
      return { cacheId, ...(await this.#fill(cacheId, source, options)) };
    } catch (error) {
      destroy(source);
      await this.#discard(cacheId);
      throw error;
    }
  }

  /**
   * Puts a staged layer into the store, on top of `parent`. Where the store has it already the staged one is thrown away.
   *
   * @throws DiffIdMismatch when it is not the layer that is wanted; it stays staged then.
   */
  async adopt(parent: Digest | null, staged: StagedLayer, options: { diffId: Digest; lease: Lease }): Promise<Layer> {
    const { diffId, lease } = options;
    if (staged.diffId !== diffId) throw new DiffIdMismatch(diffId, staged.diffId);
    const chain = chainId(parent, diffId);
    lease.add("layer", chain);
    const { cacheId, ...unpacked } = staged;
    return this.#queue.run(chain, () => this.#store(cacheId, parent, unpacked, { lease }));
  }

  /** Throws away a layer that was staged and is not adopted. */
  async unstage({ cacheId }: StagedLayer): Promise<void> {
    await this.#discard(cacheId);
  }

  /** The exact bytes of a layer's uncompressed archive. @throws EngineError `not-found` */
  tar(chain: Digest): Readable {
    return rebuild(this.#parts.workers, this.#places.journal(this.need(chain).cacheId));
  }

  /** An archive of bytes, files of the host, and layers' archives by their chain id. @throws EngineError `not-found` */
  assemble(parts: readonly AssembledPart[], onWritten: () => void): Readable {
    const found = parts.map((part) => {
      if (!("chainId" in part)) return part;
      const { cacheId, tarBytes } = this.need(part.chainId);
      return { layer: this.#places.journal(cacheId), sizeBytes: tarBytes };
    });
    return assemble(this.#parts.workers, found, onWritten);
  }

  /**
   * The same, compressed by a program of the host; see `compressedLayer`.
   *
   * @throws EngineError `not-found`
   */
  compressedTar(chain: Digest, argv: readonly string[], onProgress?: (bytes: number) => void): AsyncGenerator<Buffer> {
    return compressedLayer(this.#parts.workers, this.#places.journal(this.need(chain).cacheId), argv, onProgress);
  }

  /** GraphDriver.Data of a container's layer, or of an image's by its chain id. */
  metadata(id: string): Record<string, string> {
    return this.driver.metadata(this.get(id)?.cacheId ?? id);
  }

  /** Keeps layers, with those below them, from being collected until a record names them. */
  keep(chains: readonly Digest[]): Disposable {
    const pins = new DisposableStack();
    for (const chain of chains) pins.use(this.pin(chain));
    return pins;
  }

  /** Chain ids that running operations build on: no collection may take them. */
  pinned(): Digest[] {
    return [...this.#pinned.keys()];
  }

  /** Removes layers that nothing needs. The caller knows that no other layer is on top of them. */
  async remove(layers: readonly Layer[]): Promise<void> {
    if (layers.length === 0) return;
    this.#parts.database.transaction((transaction) => {
      for (const { chainId: chain } of layers) transaction.delete(this.#table, chain);
    });
    for (const { cacheId } of layers) await this.#discard(cacheId);
  }

  /**
   * Removes what an earlier daemon left half done. To be called once, before anything else.
   *
   * @param writable all containers' layers.
   * @param options.lossOfPower false when what an earlier daemon wrote is surely there
   */
  async restore(writable: readonly WritableLayer[], { lossOfPower = true } = {}): Promise<void> {
    await removeLeftOvers(this, this.#places, this.#trash, writable);
    if (lossOfPower) mendParents(this, writable);
    this.driver.collect();
  }

  /** Reads a layer once and tells whether its archive still has its diffID. */
  async verify(layer: Layer): Promise<boolean> {
    const hash = createHash("sha256");
    try {
      for await (const chunk of this.tar(layer.chainId)) hash.update(chunk as Buffer);
    } catch {
      return false;
    }
    return `sha256:${hash.digest("hex")}` === layer.diffId;
  }

  async #unpack(below: Promise<Digest | null>, source: ArchiveSource, options: RegisterOptions): Promise<Layer> {
    const { driver } = this.#parts;
    const cacheId = newId();
    try {
      // A driver whose layers begin as a copy of the one below has nothing to begin with before that.
      const first = driver.independent ? null : await below;
      using _pin = this.pin(first);
      await driver.create(cacheId, first === null ? null : this.need(first).cacheId);
      mkdirSync(this.#places.directory(cacheId), { mode: 0o700 });
      const unpacked = await this.#fill(cacheId, source, options);
      return await this.#store(cacheId, await below, unpacked, options);
    } catch (error) {
      await this.#discard(cacheId);
      throw error;
    }
  }

  /** Unpacks an archive into a layer that is made, and checks that it is what it should be. */
  async #fill(cacheId: string, source: ArchiveSource, options: StageOptions & { diffId?: Digest }): Promise<Unpacked> {
    const { driver, workers } = this.#parts;
    const check = checkedSource(source, options.blob);
    using _turn = await options.turn?.(options.signal);
    const unpacked = await unpackFrom(workers, check.source, this.#places.journal(cacheId), {
      whiteouts: driver.whiteouts,
      signal: options.signal,
      onProgress: options.onProgress,
    });
    check.finish();
    const { diffId } = unpacked;
    if (options.diffId !== undefined && diffId !== options.diffId) throw new DiffIdMismatch(options.diffId, diffId);
    return unpacked;
  }

  /** Puts a filled layer on its parent, which is there by now, and records it. */
  async #store(
    cacheId: string,
    parent: Digest | null,
    unpacked: Unpacked,
    { lease, signal }: { lease: Lease; signal?: AbortSignal | undefined },
  ): Promise<Layer> {
    const { driver, clock, database } = this.#parts;
    signal?.throwIfAborted();
    using _pin = this.pin(parent);
    if (parent !== null && driver.independent) await driver.setParent(cacheId, this.need(parent).cacheId);
    await driver.seal(cacheId);
    const chain = chainId(parent, unpacked.diffId);
    lease.add("layer", chain);
    const known = this.get(chain);
    if (known !== undefined) {
      await this.#discard(cacheId);
      return known;
    }
    const layer: Layer = { chainId: chain, parent, cacheId, ...unpacked, storedAtMs: clock.now() };
    database.transaction((transaction) => transaction.put(this.#table, chain, layer));
    this.#parts.onStored?.();
    return layer;
  }

  async #discard(cacheId: string): Promise<void> {
    this.#trash.throwAway(this.#places.directory(cacheId));
    await this.driver.remove(initIdOf(cacheId));
    await this.driver.remove(cacheId);
  }

  /** A layer that must be here. @throws EngineError `not-found` */
  need(chain: Digest): Layer {
    const layer = this.get(chain);
    if (layer === undefined) throw notFound(`layer does not exist: ${chain}`);
    return layer;
  }

  /** Keeps a layer while an operation builds on it. */
  pin(chain: Digest | null): Disposable {
    if (chain === null) return { [Symbol.dispose]: () => {} };
    this.#pinned.set(chain, (this.#pinned.get(chain) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const count = (this.#pinned.get(chain) ?? 1) - 1;
        if (count === 0) this.#pinned.delete(chain);
        else this.#pinned.set(chain, count);
      },
    };
  }
}

const destroy = (source: ArchiveSource): void => {
  if ("destroy" in source) source.destroy();
};
