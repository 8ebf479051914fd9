import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { notFound } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import { KeyedQueue } from "../../base/keyed-queue.ts";
import { chainId } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import { compressedLayer } from "../../oci/layer/compressed.ts";
import type { JournalPlace } from "../../oci/layer/journal/rebuild.ts";
import { assemble, rebuild, unpackFrom } from "../../oci/layer/transfer.ts";
import type { ArchiveSource } from "../../oci/layer/transfer.ts";
import type { Unpacked } from "../../oci/layer/unpack.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";
import type { Database } from "../state/database.ts";
import type { Table } from "../state/table.ts";
import type { Change, StorageDriver } from "../storage/driver.ts";
import type { Remap } from "../storage/remap/remap.ts";
import type { MappedRoots } from "../storage/remap/roots.ts";
import { Trash } from "../storage/trash.ts";
import { checkedSource } from "./checked-source.ts";
import { fillInitLayer } from "./init-layer.ts";
import { DiffIdMismatch } from "./layer.ts";
import type { Layer } from "./layer.ts";
import type { Lease } from "./leases.ts";

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

/** A layer that can be written to. */
export interface WritableLayer {
  id: string;
  /** The chain id of the image that it is on. */
  top: Digest | null;
  /** Made by `createWritable`: with what every container finds in its root between the two. */
  hasInit: boolean;
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
  readonly #queue = new KeyedQueue();
  /** Chain ids that a running operation builds on. */
  readonly #pinned = new Map<Digest, number>();

  constructor(parts: LayerStoreParts) {
    this.#parts = parts;
    this.#table = parts.database.table<Layer>("layers");
    mkdirSync(parts.root, { recursive: true, mode: 0o700 });
    this.#trash = new Trash(join(parts.root, ".trash"), parts.workers);
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
      const layer = this.#need(next);
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
    using _pin = this.#pin(given);
    try {
      if (given !== null) this.#need(given);
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
      mkdirSync(this.#directory(cacheId), { mode: 0o700 });
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
    return rebuild(this.#parts.workers, this.#place(this.#need(chain).cacheId));
  }

  /** An archive of bytes, files of the host, and layers' archives by their chain id. @throws EngineError `not-found` */
  assemble(parts: readonly AssembledPart[], onWritten: () => void): Readable {
    const found = parts.map((part) => {
      if (!("chainId" in part)) return part;
      const { cacheId, tarBytes } = this.#need(part.chainId);
      return { layer: this.#place(cacheId), sizeBytes: tarBytes };
    });
    return assemble(this.#parts.workers, found, onWritten);
  }

  /**
   * The same, compressed by a program of the host; see `compressedLayer`.
   *
   * @throws EngineError `not-found`
   */
  compressedTar(chain: Digest, argv: readonly string[], onProgress?: (bytes: number) => void): AsyncGenerator<Buffer> {
    return compressedLayer(this.#parts.workers, this.#place(this.#need(chain).cacheId), argv, onProgress);
  }

  /** Makes a container's layer on top of an image's; null for an image without layers. */
  async createWritable(id: string, parent: Digest | null, options?: Record<string, string>): Promise<void> {
    using _pin = this.#pin(parent);
    const init = await this.#initLayer(parent);
    await this.driver.createWritable(id, init, options);
  }

  /** The same for a mount of an image: its files alone, without those that every container gets. */
  async createForMount(id: string, parent: Digest | null): Promise<void> {
    using _pin = this.#pin(parent);
    await this.driver.createWritable(id, parent === null ? null : this.#need(parent).cacheId);
  }

  /**
   * The container's root filesystem on the host; mounted when this returns.
   * @param remap shows it with mapped owners: the same as long as it stays mounted
   */
  mountWritable(id: string, remap?: Remap): string {
    const { driver, roots } = this.#parts;
    if (remap === undefined) return driver.mount(id);
    if (roots === undefined) throw new Error("a layer store without a place for mapped roots");
    return roots.mount(driver, id, remap);
  }

  async unmountWritable(id: string): Promise<void> {
    await Promise.all([this.#parts.roots?.unmount(id), this.driver.unmount(id)]);
  }

  /** The containers' layers that are mounted with mapped owners. */
  mappedRoots(): string[] {
    return this.#parts.roots?.ids() ?? [];
  }

  async removeWritable(id: string): Promise<void> {
    await this.#parts.roots?.unmount(id);
    await this.driver.remove(id);
  }

  /** What a container changed, as `docker diff` tells it. */
  changes(id: string): Promise<Change[]> {
    return this.driver.changes(id);
  }

  /** The archive of what a container changed. */
  diff(id: string): Readable {
    return this.driver.diff(id);
  }

  writableSize(id: string): Promise<number> {
    return this.driver.size(id);
  }

  /** Bytes of a container's own files and of all layers below. */
  async rootSize(id: string, parent: Digest | null): Promise<number> {
    return this.chain(parent).reduce((sum, { sizeBytes }) => sum + sizeBytes, await this.writableSize(id));
  }

  /** GraphDriver.Data of a container's layer, or of an image's by its chain id. */
  metadata(id: string): Record<string, string> {
    return this.driver.metadata(this.get(id)?.cacheId ?? id);
  }

  /** Keeps layers, with those below them, from being collected until a record names them. */
  keep(chains: readonly Digest[]): Disposable {
    const pins = new DisposableStack();
    for (const chain of chains) pins.use(this.#pin(chain));
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
    const layers = this.all();
    const kept = new Set([...writable.map(({ id }) => id), ...layers.map(({ cacheId }) => cacheId)]);
    const complete = (id: string): boolean => existsSync(this.#initMark(id));
    for (const { cacheId } of [...layers, { cacheId: scratch }]) if (complete(cacheId)) kept.add(initIdOf(cacheId));
    for (const id of this.mappedRoots()) if (!kept.has(id)) await this.#parts.roots?.unmount(id);
    for (const id of this.driver.list()) if (!kept.has(id)) await this.driver.remove(id);
    for (const name of readdirSync(this.#parts.root)) {
      if (name !== ".trash" && !kept.has(name) && name !== scratch) this.#trash.throwAway(join(this.#parts.root, name));
    }
    if (lossOfPower) this.#mendParents(writable);
    this.driver.collect();
  }

  /** What is below each layer is known from the records, where the driver's own note went with a loss of power. */
  #mendParents(writable: readonly WritableLayer[]): void {
    const seen = new Set<string>();
    const mend = (id: string, parent: string | null): void => {
      if (seen.has(id) || !this.driver.exists(id)) return;
      seen.add(id);
      this.driver.mendParent(id, parent);
    };
    for (const { chainId: chain } of this.all()) {
      // From the lowest up: each note is made from that of the layer below.
      for (const { cacheId, parent } of this.chain(chain).toReversed()) {
        if (!seen.has(cacheId)) mend(cacheId, parent === null ? null : this.#need(parent).cacheId);
      }
    }
    for (const below of [null, ...this.all().map(({ cacheId }) => cacheId)]) mend(initIdOf(below ?? scratch), below);
    for (const { id, top, hasInit } of writable) {
      const below = top === null ? null : this.get(top)?.cacheId;
      if (below !== undefined) mend(id, hasInit ? initIdOf(below ?? scratch) : below);
    }
  }

  /** Makes what a power loss may have taken from the layers between images and containers. No container runs yet. */
  async refillInitLayers(): Promise<void> {
    for (const cacheId of [scratch, ...this.all().map((layer) => layer.cacheId)]) {
      const id = initIdOf(cacheId);
      if (!existsSync(this.#initMark(cacheId)) || !this.driver.exists(id)) continue;
      fillInitLayer(this.driver.mount(id));
      await this.driver.unmount(id);
    }
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
      using _pin = this.#pin(first);
      await driver.create(cacheId, first === null ? null : this.#need(first).cacheId);
      mkdirSync(this.#directory(cacheId), { mode: 0o700 });
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
    const unpacked = await unpackFrom(workers, check.source, this.#place(cacheId), {
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
    using _pin = this.#pin(parent);
    if (parent !== null && driver.independent) await driver.setParent(cacheId, this.#need(parent).cacheId);
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

  /** The layer between an image and its containers, made at the first container of an image. */
  async #initLayer(parent: Digest | null): Promise<string> {
    const below = parent === null ? null : this.#need(parent).cacheId;
    const cacheId = below ?? scratch;
    const id = initIdOf(cacheId);
    if (existsSync(this.#initMark(cacheId))) return id;
    return this.#queue.run(id, async () => {
      if (existsSync(this.#initMark(cacheId))) return id;
      await this.driver.remove(id);
      await this.driver.createWritable(id, below);
      fillInitLayer(this.driver.mount(id));
      await this.driver.unmount(id);
      // Not sealed: `refillInitLayers` writes to it again.
      mkdirSync(this.#initMark(cacheId), { recursive: true, mode: 0o700 });
      return id;
    });
  }

  async #discard(cacheId: string): Promise<void> {
    this.#trash.throwAway(this.#directory(cacheId));
    await this.driver.remove(initIdOf(cacheId));
    await this.driver.remove(cacheId);
  }

  #need(chain: Digest): Layer {
    const layer = this.get(chain);
    if (layer === undefined) throw notFound(`layer does not exist: ${chain}`);
    return layer;
  }

  #pin(chain: Digest | null): Disposable {
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

  #directory(cacheId: string): string {
    return join(this.#parts.root, cacheId);
  }

  /** Is there once the init layer is complete. */
  #initMark(cacheId: string): string {
    return join(this.#directory(cacheId), "init");
  }

  #place(cacheId: string): JournalPlace {
    const directory = this.#directory(cacheId);
    return {
      root: this.driver.diffPath(cacheId),
      journal: join(directory, "tar"),
      orphans: join(directory, "orphans"),
    };
  }
}

const destroy = (source: ArchiveSource): void => {
  if ("destroy" in source) source.destroy();
};

/** Stands for the layer below the containers of an image without layers. */
const scratch = "scratch";
const initIdOf = (cacheId: string): string => `${cacheId}-init`;
