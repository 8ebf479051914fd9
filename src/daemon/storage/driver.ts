import type { Readable } from "node:stream";
import type { IdMapping, Owner } from "../../linux/namespace/id-mapping.ts";
import type { WhiteoutForm } from "../../oci/layer/extract/whiteout.ts";

/** A change in a writable layer: 0 modified, 1 added, 2 deleted. */
export interface Change {
  /** Absolute inside the container: "/etc/hosts". */
  path: string;
  kind: 0 | 1 | 2;
}

/** What a mount with mapped owners needs. */
export interface MappedLayers {
  /** An idmapped clone of the driver's `layersRoot`, when it has one. */
  root: string | null;
  /** Who the container's root is outside: what the mount makes for itself is made in that name. */
  owner: Owner;
  mapping: IdMapping;
}

/**
 * Where the layers of images and containers live. Ids are chosen by the caller, one directory name each. All drivers
 * pass the suite in driver.contract.ts.
 */
export interface StorageDriver {
  readonly name: string;
  /** What the members `.wh.…` of a layer's archive must become in `diffPath`. */
  readonly whiteouts: WhiteoutForm;
  /** `mount` can show mapped owners; else what it leads to can be cloned as an idmapped mount. */
  readonly mapsOwners: boolean;
  /**
   * The directory below which a mount names its layers, where one with mapped owners must name them below an idmapped
   * clone of it.
   */
  readonly layersRoot: string | null;
  /**
   * Whether a layer can be filled before the layer below it is there: made on nothing, put on its parent by `setParent`.
   * False where a layer begins as a copy of the one below.
   */
  readonly independent: boolean;
  /** DriverStatus of /info; null where Docker tells nothing. */
  status(): [string, string][] | null;
  /** Makes a layer on top of `parent`, to be filled at `diffPath` and then sealed. */
  create(id: string, parent: string | null): Promise<void>;
  /**
   * Puts a layer that was made on nothing on top of `parent`, which has its own parent by then. Before `seal`; filling
   * can have ended, or not have begun.
   * @throws Error when the driver is not `independent`: a fault of the caller
   */
  setParent(id: string, parent: string): Promise<void>;
  /**
   * Notes again what is below a layer where a loss of power has taken the note; that of `parent` is right by then. The
   * layer's files stay as they are. Synchronous and quick when nothing is wrong.
   * @returns whether something was
   */
  mendParent(id: string, parent: string | null): boolean;
  /** Where a layer's own files are. */
  diffPath(id: string): string;
  /** Ends the filling: the layer never changes from here on. */
  seal(id: string): Promise<void>;
  /**
   * Makes a container's layer on top of `parent`, with the daemon's default size unless `options` are left out.
   * @throws EngineError `invalid-parameter` for a storage option that cannot be had.
   */
  createWritable(id: string, parent: string | null, options?: Record<string, string>): Promise<void>;
  /**
   * The layer merged with those below it; mounts when that needs it and it is not mounted. Synchronous, about 1 ms.
   * @param mapped with mapped owners, for a driver that `mapsOwners`
   */
  mount(id: string, mapped?: MappedLayers): string;
  /** Ends the mount, if there is one. Who still has it open keeps it. */
  unmount(id: string): Promise<void>;
  exists(id: string): boolean;
  /** Removes a layer, mounted or not, if it exists. Its name can be used again when this resolves. */
  remove(id: string): Promise<void>;
  /** What a writable layer changes, sorted by path. */
  changes(id: string): Promise<Change[]>;
  /** A layer's archive: what it changes, with OCI whiteouts. */
  diff(id: string): Readable;
  /** Bytes of a layer's own files. */
  size(id: string): Promise<number>;
  /** GraphDriver.Data of inspect. */
  metadata(id: string): Record<string, string>;
  /** The ids that exist. */
  list(): string[];
  /** Removes what belongs to no layer any more, beside the layers that `list` names. To be called once, at the start. */
  collect(): void;
  /** Resolves once what was removed is off the disk. */
  emptied(): Promise<void>;
}

const storageId = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** @throws when an id could not be the name of one directory: a fault of the caller, never of a user. */
export const checkStorageId = (id: string): string => {
  if (!storageId.test(id)) throw new Error(`bad layer id ${JSON.stringify(id)}`);
  return id;
};
