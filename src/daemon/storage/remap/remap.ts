import type { IdMapping, Owner } from "../../../linux/namespace/id-mapping.ts";

/** The folder of `Remap.roots`. */
export const rootsName = "roots";

/** A mapping of owners that containers are started with, and what shows files through it. */
export interface Remap {
  readonly mapping: IdMapping;
  /** Who root in the containers is outside. */
  readonly owner: Owner;
  /** Open: a user namespace of the mapping, for idmapped mounts. No process is in it. */
  readonly userNamespace: number;
  /** Where containers' roots are mounted so that their own root may enter them, and nobody else. */
  readonly roots: string;
  /** The idmapped clone of the storage driver's `layersRoot`, if it has one. */
  readonly layers: string | null;
}
