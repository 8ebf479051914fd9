import type { MessagePort } from "node:worker_threads";
import type { PathChange } from "../changes/change.ts";
import type { TreeKind } from "../changes/trees.ts";
import type { SharedBlocks } from "../digest/message.ts";
import type { ExtractOptions } from "../extract/extract.ts";
import type { JournalPlace } from "../journal/rebuild.ts";
import type { PackOptions } from "../pack/pack.ts";
import type { Unpacked } from "../unpack.ts";
import type { DiskUnit, DiskUse } from "./disk.ts";
import type { Framing } from "./output.ts";

/** Where a job writes an archive to, and how. */
export interface Target {
  output: number;
  framing?: Framing;
  /** Its first number grows by what was written; shared with whoever shows that. */
  written?: BigInt64Array;
}

/** A piece of what is written: bytes, a file of the host, or a layer's archive, which must have as many bytes as said. */
export type ArchivePart =
  | { bytes: Uint8Array }
  | { path: string; sizeBytes: number }
  | { layer: JournalPlace; sizeBytes: number };

/**
 * What the worker threads do: synchronous work with files, which would hold up the event loop. Descriptors are numbers
 * of this process; a job's thread closes the ones it was given.
 */
export interface Jobs {
  /** Unpacks a layer's archive, read from `input` to its end; another thread hashes it, `blocks` by `blocks`. */
  unpack: {
    job: {
      input: number;
      place: JournalPlace;
      options: ExtractOptions & { limitBytes?: number; sync?: boolean };
      port: MessagePort;
      blocks: SharedBlocks;
    };
    result: Unpacked;
  };
  /** Writes a layer's archive again to `output`. */
  rebuild: { job: { place: JournalPlace } & Target; result: null };
  /** Writes parts one after the other: an archive of images. */
  assemble: { job: { parts: readonly ArchivePart[] } & Target; result: null };
  /** Extracts an archive below the open directory `root`. */
  extract: { job: { input: number; root: number; options: ExtractOptions }; result: { sizeBytes: number } };
  /** Archives what is below the open directory `root`: all of it, or one name as the member `as`. */
  pack: {
    job: { root: number; only?: { name: string; as: string }; options: PackOptions } & Target;
    result: null;
  };
  /** Archives what a tree changes: a full copy `root` of `parent`, whiteouts included. */
  packChanges: { job: { root: string; parent: string | null; tree: TreeKind } & Target; result: null };
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
