import { mkdirSync } from "node:fs";
import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { Filters } from "../../base/filters.ts";
import type { IdMapping } from "../../linux/namespace/id-mapping.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";
import type { VolumeCreateOptions, VolumeListResponse } from "../../wire/engine/volume.ts";
import type { Database } from "../state/database.ts";
import type { VolumeContext } from "./context.ts";
import { create } from "./create.ts";
import { dataPath, describe, find } from "./document.ts";
import { isMounted } from "./local.ts";
import { list } from "./list.ts";
import { fillVolume, holdVolume, type MountOptions, mountVolume, unmountVolumes } from "./mount.ts";
import type { VolumeDocument, VolumeRecord } from "./record.ts";
import { prune, remove } from "./remove.ts";
import { sizeOf } from "./size.ts";

const isOwn = ({ options }: Readonly<VolumeRecord>): boolean => Object.keys(options ?? {}).length === 0;

export interface VolumeServiceOptions {
  /** `<data root>/volumes` */
  root: string;
  clock: Clock;
  database: Database;
  workers: LayerWorkers;
}

/** Volumes of the driver "local", and which containers have them. */
export class VolumeService {
  readonly #context: VolumeContext;

  constructor(options: VolumeServiceOptions) {
    mkdirSync(options.root, { recursive: true, mode: 0o701 });
    this.#context = {
      ...options,
      volumes: options.database.table<VolumeRecord>("volumes"),
      mounted: new Map(),
    };
  }

  async create(request: VolumeCreateOptions): Promise<VolumeDocument> {
    return create(this.#context, request);
  }
  /** @throws EngineError not-found */
  get(name: string): VolumeDocument {
    return describe(this.#context, find(this.#context, name));
  }
  list(filters: Filters = Filters.none): VolumeListResponse {
    return list(this.#context, filters);
  }
  async remove(name: string, options: { force: boolean }): Promise<void> {
    remove(this.#context, name, options.force);
  }
  prune(filters: Filters = Filters.none): Promise<{ VolumesDeleted: string[]; SpaceReclaimed: number }> {
    return prune(this.#context, filters);
  }

  /** A container has the volume among its mounts from here on: it cannot be removed. @throws EngineError not-found */
  reference(name: string, containerId: string): void {
    const record = find(this.#context, name);
    if (record.users.includes(containerId)) return;
    this.#put({ ...record, users: [...record.users, containerId] });
  }
  /** The container is gone. */
  unreference(containerId: string): void {
    for (const record of Array.from(this.#context.volumes.values())) {
      if (!record.users.includes(containerId)) continue;
      this.#put({ ...record, users: record.users.filter((id) => id !== containerId) });
    }
  }

  /** Fills an empty volume from a container's root. @throws EngineError not-found, system */
  fill(name: string, rootfs: string, destination: string, mapping?: IdMapping): Promise<void> {
    return fillVolume(this.#context, name, rootfs, destination, mapping);
  }

  mount(name: string, containerId: string, options: MountOptions): Promise<{ path: string; own: boolean }> {
    return mountVolume(this.#context, name, containerId, options);
  }
  /** Its files are the engine's own: not mounted from elsewhere. @throws EngineError not-found */
  isOwn(name: string): boolean {
    return !isMounted(find(this.#context, name).options);
  }
  /** Keeps it mounted until disposed of. @throws EngineError not-found, system */
  hold(name: string): Disposable {
    return holdVolume(this.#context, name);
  }
  async unmountAll(containerId: string): Promise<void> {
    unmountVolumes(this.#context, containerId);
  }

  /** Every volume whose files are the engine's (not mounted from elsewhere), with the bytes of its files and the number of containers that have it. */
  usage(): Promise<(VolumeDocument & { UsageData: { RefCount: number; Size: number } })[]> {
    return Promise.all(
      [...this.#context.volumes.values()].filter(isOwn).map(async (record) => ({
        ...describe(this.#context, record),
        UsageData: {
          RefCount: record.users.length,
          Size: await sizeOf(this.#context, dataPath(this.#context, record.name)),
        },
      })),
    );
  }

  /**
   * After a start of the daemon: volumes of containers that run on count as mounted, references of containers that are
   * gone are dropped, and removals that were under way are finished.
   * @param containers each container's id, the names of its volumes, and whether it runs
   */
  async restore(containers: Iterable<{ id: string; volumes: string[]; running: boolean }>): Promise<void> {
    const users = new Map<string, string[]>();
    for (const { id, volumes, running } of containers) {
      for (const name of volumes) {
        users.set(name, [...(users.get(name) ?? []), id]);
        if (!running) continue;
        const mounted = this.#context.mounted.get(name) ?? new Set<string>();
        this.#context.mounted.set(name, mounted.add(id));
      }
    }
    for (const record of Array.from(this.#context.volumes.values())) {
      const now = users.get(record.name) ?? [];
      if (now.length !== record.users.length || now.some((id) => !record.users.includes(id))) {
        this.#put({ ...record, users: now });
      }
    }
    await this.#collect();
  }

  /** Finishes removals; a directory without a record goes only when it is empty: somebody's files are never guessed at. */
  async #collect(): Promise<void> {
    const { root, volumes } = this.#context;
    await rm(join(root, ".trash"), { recursive: true, force: true });
    for (const name of await readdir(root)) {
      if (volumes.has(name)) continue;
      await rmdir(dataPath(this.#context, name)).catch(() => undefined);
      await rmdir(join(root, name)).catch(() => undefined);
    }
  }

  #put(record: VolumeRecord): void {
    this.#context.database.transaction((transaction) => transaction.put(this.#context.volumes, record.name, record));
  }
}
