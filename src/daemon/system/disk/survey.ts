import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isCode } from "../../../linux/error.ts";
import type { DiskUnit, DiskUse } from "../../../oci/layer/worker/disk.ts";

/** A layer of an image, as the survey needs it. */
export interface SurveyedLayer {
  chainId: string;
  /** The storage driver's name for it. */
  cacheId: string;
}

export interface SurveyParts {
  dataRoot: string;
  /** The storage driver's name, which is its folder's too. */
  driverName: string;
  measure: (units: DiskUnit[]) => Promise<DiskUse[]>;
  layers: () => SurveyedLayer[];
  /** Every container: its id, and the storage ids of its own layers. */
  containers: () => { id: string; layers: string[] }[];
}

/** What the parts of the data root are for. */
export const diskRooms = [
  "layers",
  "journals",
  "documents",
  "downloads",
  "container layers",
  "container files",
  "volumes",
  "trash",
  "state",
] as const;
export type DiskRoom = (typeof diskRooms)[number];

/** Everything below the data root, measured once. */
export interface Survey {
  total: DiskUse;
  rooms: Record<DiskRoom, DiskUse>;
  /** By chain id: the layer's files, its journal and what containers find ready on top of it. */
  layers: Map<string, DiskUse>;
  /** By container id: its writable layers, and its files with its log. */
  containers: Map<string, { layers: DiskUse; files: DiskUse }>;
  /** By name. */
  volumes: Map<string, DiskUse>;
}

interface Unit extends DiskUnit {
  room: DiskRoom;
  /** Whose it is. */
  chainId?: string;
  containerId?: string;
  volume?: string;
}

/** Folders of a storage driver whose entries are layers, as the driver's own entries are. */
const layerFolders = new Set(["dir", "subvolumes"]);
const trashFolders = new Set([".trash", "trash"]);
const initSuffix = "-init";

/** Finds out what is on the disk, and whose it is. What belongs to a layer is read once: a layer never changes. */
export class DiskSurvey {
  readonly #parts: SurveyParts;
  readonly #known = new Map<string, DiskUse>();

  constructor(parts: SurveyParts) {
    this.#parts = parts;
  }

  /** @param options.fresh reads layers again too, so that the total is what `du` says now */
  async take(options: { fresh?: boolean } = {}): Promise<Survey> {
    const units = this.#units();
    const isKnown = ({ path, chainId }: Unit): boolean =>
      options.fresh !== true && chainId !== undefined && this.#known.has(path);
    const unknown = units.filter((unit) => !isKnown(unit));
    const measured = await this.#parts.measure(
      unknown.map(({ path, shallow }) => ({ path, shallow: shallow === true })),
    );
    const uses = new Map(unknown.map(({ path }, index) => [path, measured[index] ?? nothing()]));
    for (const unit of units) {
      const use = uses.get(unit.path) ?? this.#known.get(unit.path) ?? nothing();
      uses.set(unit.path, use);
    }
    this.#known.clear();
    for (const { path, chainId } of units)
      if (chainId !== undefined) this.#known.set(path, uses.get(path) ?? nothing());
    return gather(units, uses);
  }

  #units(): Unit[] {
    const { dataRoot, driverName } = this.#parts;
    const units: Unit[] = [{ path: dataRoot, shallow: true, room: "state" }];
    for (const name of namesIn(dataRoot)) {
      const path = join(dataRoot, name);
      if (name === driverName) units.push(...this.#driverUnits(path));
      else if (name === "layers") units.push(...this.#journalUnits(path));
      else if (name === "content") units.push(...contentUnits(path));
      else if (name === "containers") units.push(...this.#containerUnits(path));
      else if (name === "volumes") units.push(...volumeUnits(path));
      else units.push({ path, room: "state" });
    }
    return units;
  }

  #driverUnits(root: string): Unit[] {
    const owners = new Map(
      this.#parts.containers().flatMap(({ id, layers }) => [id, ...layers].map((layer) => [layer, id] as const)),
    );
    const chains = this.#chains();
    const unitsIn = (folder: string): Unit[] => [
      { path: folder, shallow: true, room: "layers" },
      ...namesIn(folder).flatMap((name): Unit[] => {
        const path = join(folder, name);
        if (layerFolders.has(name)) return unitsIn(path);
        if (trashFolders.has(name)) return [{ path, room: "trash" }];
        const containerId = owners.get(name);
        if (containerId !== undefined) return [{ path, room: "container layers", containerId }];
        const chainId = chains.get(name.endsWith(initSuffix) ? name.slice(0, -initSuffix.length) : name);
        return [{ path, room: "layers", ...(chainId === undefined ? {} : { chainId }) }];
      }),
    ];
    return unitsIn(root);
  }

  #journalUnits(root: string): Unit[] {
    const chains = this.#chains();
    return [
      { path: root, shallow: true, room: "journals" },
      ...namesIn(root).map((name): Unit => {
        const chainId = chains.get(name);
        const room = trashFolders.has(name) ? "trash" : "journals";
        return { path: join(root, name), room, ...(chainId === undefined ? {} : { chainId }) };
      }),
    ];
  }

  #containerUnits(root: string): Unit[] {
    const ids = new Set(this.#parts.containers().map(({ id }) => id));
    return [
      { path: root, shallow: true, room: "container files" },
      ...namesIn(root).map((name): Unit => {
        if (trashFolders.has(name)) return { path: join(root, name), room: "trash" };
        return { path: join(root, name), room: "container files", ...(ids.has(name) ? { containerId: name } : {}) };
      }),
    ];
  }

  #chains(): Map<string, string> {
    return new Map(this.#parts.layers().map(({ cacheId, chainId }) => [cacheId, chainId]));
  }
}

const contentUnits = (root: string): Unit[] => [
  { path: root, shallow: true, room: "documents" },
  ...namesIn(root).map((name): Unit => ({
    path: join(root, name),
    room: name === "ingest" ? "downloads" : "documents",
  })),
];

const volumeUnits = (root: string): Unit[] => [
  { path: root, shallow: true, room: "volumes" },
  ...namesIn(root).map((name): Unit => {
    if (trashFolders.has(name)) return { path: join(root, name), room: "trash" };
    return { path: join(root, name), room: "volumes", volume: name };
  }),
];

const gather = (units: readonly Unit[], uses: ReadonlyMap<string, DiskUse>): Survey => {
  const rooms = Object.fromEntries(diskRooms.map((room) => [room, nothing()])) as Record<DiskRoom, DiskUse>;
  const survey: Survey = { total: nothing(), rooms, layers: new Map(), containers: new Map(), volumes: new Map() };
  for (const unit of units) {
    const use = uses.get(unit.path) ?? nothing();
    add(survey.total, use);
    add(survey.rooms[unit.room], use);
    if (unit.chainId !== undefined) addTo(survey.layers, unit.chainId, use);
    if (unit.volume !== undefined) addTo(survey.volumes, unit.volume, use);
    if (unit.containerId === undefined) continue;
    const container = survey.containers.get(unit.containerId) ?? { layers: nothing(), files: nothing() };
    survey.containers.set(unit.containerId, container);
    add(unit.room === "container layers" ? container.layers : container.files, use);
  }
  return survey;
};

const nothing = (): DiskUse => ({ apparentBytes: 0, allocatedBytes: 0 });

const add = (sum: DiskUse, use: DiskUse): void => {
  sum.apparentBytes += use.apparentBytes;
  sum.allocatedBytes += use.allocatedBytes;
};

const addTo = (map: Map<string, DiskUse>, key: string, use: DiskUse): void => {
  const sum = map.get(key) ?? nothing();
  map.set(key, sum);
  add(sum, use);
};

/** What is in a directory now; nothing where there is none, or a file. */
const namesIn = (directory: string): string[] => {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
};
