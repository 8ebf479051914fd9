import type { PathChange } from "../changes/change.ts";
import type { TreeKind } from "../changes/trees.ts";
import type { ExtractOptions } from "../extract/extract.ts";
import type { JournalPlace } from "../journal/rebuild.ts";
import type { PackOptions } from "../pack/pack.ts";
import type { Unpacked } from "../unpack.ts";
import type { DiskUnit, DiskUse } from "./disk.ts";

/**
 * What the worker threads do: synchronous work with files, which would hold up the event loop. Descriptors are numbers
 * of this process; a job's thread closes the ones it was given.
 */
export interface Jobs {
  /** Unpacks a layer's archive, read from `input` to its end. */
  unpack: {
    job: { input: number; place: JournalPlace; options: ExtractOptions & { limitBytes?: number; sync?: boolean } };
    result: Unpacked;
  };
  /** Writes a layer's archive again to `output`, and counts its bytes in `written[0]`, which is shared. */
  rebuild: { job: { place: JournalPlace; output: number; written?: BigInt64Array }; result: null };
  /** Extracts an archive below the open directory `root`. */
  extract: { job: { input: number; root: number; options: ExtractOptions }; result: { sizeBytes: number } };
  /** Archives what is below the open directory `root`: all of it, or one name as the member `as`. */
  pack: {
    job: { root: number; output: number; only?: { name: string; as: string }; options: PackOptions };
    result: null;
  };
  /** Archives what a tree changes: a full copy `root` of `parent`, whiteouts included. */
  packChanges: { job: { root: string; parent: string | null; tree: TreeKind; output: number }; result: null };
  /** What an overlay's upper directory, or a full copy of a tree, changes. */
  changes: {
    job: { upper: string; lower: string[] } | { young: string; old: string | null; tree: TreeKind };
    result: PathChange[];
  };
  /** Writes everything of the filesystem that holds a path to its disk. */
  sync: { job: { path: string }; result: null };
  /** Removes whole trees of the host, followed nowhere. */
  remove: { job: { paths: string[] }; result: null };
  /**
   * Bytes of the files below a directory, each counted once however many names it has; only of those that differ from
   * `old` when there is one.
   */
  usage: { job: { path: string; old?: string | null; tree?: TreeKind }; result: number };
  /** What files and directories of the host take, one answer each. */
  disk: { job: { units: DiskUnit[] }; result: DiskUse[] };
}

export type JobKind = keyof Jobs;
export type JobMessage = { [K in JobKind]: { kind: K } & Jobs[K]["job"] }[JobKind];

/** An error on its way between threads, which keep only plain data. */
export interface PlainError {
  name: string;
  message: string;
  code?: string;
  truncated?: boolean;
  cause?: PlainError;
}

export type JobAnswer = { result: unknown } | { error: PlainError };
