import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import type { Slots } from "../../base/slots.ts";
import type { Compressors } from "../../oci/archive/compress.ts";
import type { PartialBlob } from "../../oci/blob/partial.ts";
import type { RegistrySettings } from "../../oci/distribution/endpoint.ts";
import type { RetryPolicy } from "../../oci/distribution/retry.ts";
import type { ArchiveSource } from "../../oci/layer/transfer.ts";
import type { Database } from "../state/database.ts";
import type { LayerTransfers } from "./pull/transfers.ts";
import type { ImageStore } from "./store.ts";

/** The engine's part that keeps blobs by their digest, as images need it. */
export interface Blobs {
  /** The directory that they are in. */
  readonly root: string;
  has(digest: string): boolean;
  read(digest: string): Promise<Buffer>;
  open(digest: string): Readable;
  path(digest: string): string;
  /** Bytes. */
  size(digest: string): number;
  ingest(
    digest: string | null,
    source: Readable | Uint8Array,
    options: {
      maxBytes: number;
      signal?: AbortSignal | undefined;
      /** Hears the digest before the content has its name, in time to lease it. */
      onDigest?: (digest: string) => void;
    },
  ): Promise<{ digest: string; size: number }>;
  remove(digest: string): Promise<void>;
  /** Content on its way here, of which what has come is kept when the way is cut off. */
  readonly partials: { open(digest: string, sizeBytes: number): PartialBlob; prune(options: { all: boolean }): number };
  /** Gives such content, all of it and checked, its name. */
  adopt(partial: PartialBlob): void;
}

export interface StoredLayer {
  chainId: string;
  diffId: string;
  parent: string | null;
  /** Bytes of its files, as Docker counts an image's size. */
  sizeBytes: number;
  /** Length of its archive. */
  tarBytes: number;
}

/** A layer that is unpacked and has no place yet. */
export interface StagedLayer {
  readonly cacheId: string;
  readonly diffId: string;
  readonly tarBytes: number;
  readonly sizeBytes: number;
}

/** The engine's part that keeps unpacked layers by their chain id, as images need it. */
export interface Layers {
  get(chainId: string): StoredLayer | undefined;
  all(): readonly StoredLayer[];
  /**
   * @param parent may be a layer that is still being registered: layers of one image, each with the promise of the one
   * below, are unpacked side by side and stored in order
   */
  register(
    parent: string | null | Promise<string | null>,
    archive: ArchiveSource,
    options: {
      diffId?: string;
      /** The layer's chain id, when it is known before its parent is there. */
      chainId?: string;
      lease: ContentLease;
      signal?: AbortSignal | undefined;
      /** Hears how many bytes of the archive have been taken so far. */
      onProgress?: (bytes: number) => void;
      /** Waited for before the archive is unpacked, given back after that. */
      turn?: (signal: AbortSignal | undefined) => Promise<Disposable>;
    },
  ): Promise<StoredLayer>;
  /** Whether layers can be unpacked before it is known what is below them. */
  readonly canStage: boolean;
  /** Unpacks an archive on nothing. `blob` is what it must be as it comes. */
  stage(
    archive: Readable,
    options: {
      blob?: { digest: string } | undefined;
      signal?: AbortSignal | undefined;
      onProgress?: (bytes: number) => void;
    },
  ): Promise<StagedLayer>;
  /** Puts a staged layer into the store. @throws DiffIdMismatch when it is another; it stays staged then */
  adopt(
    parent: string | null,
    staged: StagedLayer,
    options: { diffId: string; lease: ContentLease },
  ): Promise<StoredLayer>;
  /** Throws away a layer that was staged and not adopted. */
  unstage(staged: StagedLayer): Promise<void>;
  tar(chainId: string): Readable;
  /** An archive of bytes, files of the host, and layers' archives; `onWritten` hears when all of it is written. */
  assemble(
    parts: readonly ({ bytes: Uint8Array } | { path: string; sizeBytes: number } | { chainId: string })[],
    onWritten: () => void,
  ): Readable;
  /** The archive, compressed by a program of the host. */
  compressedTar(chainId: string, argv: readonly string[], onProgress?: (bytes: number) => void): AsyncGenerator<Buffer>;
  metadata(chainId: string): Record<string, string>;
}

/** Keeps content from being collected while it is worked with. */
export interface ContentLease extends AsyncDisposable {
  add(kind: "blob" | "layer", key: string): void;
  keepAlive(): void;
  /** What it holds outlives its end, until its time has run out: the work was cut off and may be gone on with. */
  leave(): void;
}

/** How to reach registries, and as whom. */
export interface RegistryAccess {
  settings: RegistrySettings;
  userAgent: string;
  retry?: RetryPolicy;
  /** Layers downloaded at a time by all pulls together, and uploaded at a time by all pushes together. */
  maxDownloads?: number;
  maxUploads?: number;
  /** Upload layers in chunks of so many bytes; 0 or absent: each in one request. */
  uploadChunkBytes?: number;
  /** Registries that layers which may not be distributed are pushed to, by host or network. */
  allowNondistributable?: readonly string[];
}

/** Who uses an image; the composition root fills it in from the containers. */
export interface ImageUse {
  /** Ids of containers. */
  running: string[];
  stopped: string[];
  /** Containers with a mount of it: they keep its layers, and its last name unless it is taken by force. */
  mounting: string[];
}

/** Used by nobody. */
export const unused: ImageUse = Object.freeze({ running: [], stopped: [], mounting: [] });

/** What the verbs of an image work with. One per engine; the verbs hold no state of their own. */
export interface ImageContext {
  readonly database: Database;
  readonly store: ImageStore;
  readonly blobs: Blobs;
  readonly layers: Layers;
  readonly transfers: LayerTransfers;
  readonly leases: {
    /** @param options.survives what it holds is kept when the daemon dies, too */
    open(reason: string, ttlMs: number, options?: { survives?: boolean }): ContentLease;
    /** Ends those of work that was cut off and that nobody goes on with. @returns true when there were any */
    dropLeft(): boolean;
  };
  /** Removes what no image, container or lease reaches. */
  readonly collect: () => Promise<{ bytes: number }>;
  readonly clock: Clock;
  readonly driverName: string;
  /** What images say they were made by. */
  readonly engineVersion: string;
  readonly registry: RegistryAccess;
  readonly compressors: Compressors;
  /** Places for layers that are uploaded, by all pushes together. */
  readonly uploads: Slots;
  /** Whether layers keep the compressed bytes that they came as. */
  readonly keepLayerBlobs: boolean;
  /** Every image that is used, by its id: one look at all containers. */
  readonly users: () => ReadonlyMap<string, ImageUse>;
}
