import { randomUUID } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { isCode } from "../../linux/error.ts";
import { algorithmOf, hexOf, isDigest, parseDigest } from "../digest.ts";
import type { Digest } from "../digest.ts";
import { Partials } from "./partials.ts";
import type { PartialBlob } from "./partial.ts";
import { ContentMismatch, Verifier } from "./verify.ts";

/** Most bytes that `read` takes into memory: no manifest or configuration is larger. */
export const documentBytesMax = 16 * 2 ** 20;

const readChunkBytes = 1 << 18;

export interface IngestOptions {
  /** Most bytes that are taken from the source. */
  maxBytes: number;
  /** The exact length, when it is known. */
  sizeBytes?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Hears how many bytes have been written so far. */
  onProgress?: ((bytes: number) => void) | undefined;
  /** Hears the digest before the content has its name, in time to lease it. */
  onDigest?: ((digest: Digest) => void) | undefined;
}

/**
 * Content by its digest, one file each: `blobs/<algorithm>/<hex>`. A file has that name only when its bytes were seen to
 * hash to it; what is being written is in `ingest/`. What a dead process left there is removed at the next start, but
 * for content that can be gone on with (`partials`).
 */
export class BlobStore {
  readonly root: string;
  readonly #blobs: string;
  readonly #ingest: string;
  readonly #onStored: () => void;
  /** Large content on its way here, which is gone on with when the way was cut off. */
  readonly partials: Partials;

  /** @param onStored hears that content was taken in. */
  constructor(root: string, onStored: () => void = () => {}) {
    this.root = root;
    this.#onStored = onStored;
    this.#blobs = join(root, "blobs");
    this.#ingest = join(root, "ingest");
    this.partials = new Partials(this.#ingest);
    mkdirSync(join(this.#blobs, "sha256"), { recursive: true, mode: 0o700 });
  }

  has(digest: Digest): boolean {
    return isDigest(digest) && existsSync(this.path(digest));
  }

  /** Length in bytes. @throws ENOENT */
  size(digest: Digest): number {
    return statSync(this.path(digest)).size;
  }

  /** Where a digest's content is, or would be. @throws EngineError `invalid-parameter` for what is no digest. */
  path(digest: Digest): string {
    parseDigest(digest);
    return join(this.#blobs, algorithmOf(digest), hexOf(digest));
  }

  /** A document, whole, checked against its digest. @throws ContentMismatch when it is too large or was damaged. */
  async read(digest: Digest): Promise<Buffer> {
    const path = this.path(digest);
    if (statSync(path).size > documentBytesMax) throw new ContentMismatch(`${digest} is too large for a document`);
    const bytes = await readFile(path);
    const verifier = new Verifier({ digest, maxBytes: documentBytesMax });
    verifier.update(bytes);
    verifier.finish();
    return bytes;
  }

  open(digest: Digest): Readable {
    return createReadStream(this.path(digest), { highWaterMark: readChunkBytes });
  }

  /**
   * Takes content in. Several may take in the same at the same time; the last to finish wins, with equal bytes.
   *
   * @param digest what it must hash to; null when it is only to be computed (SHA-256).
   * @throws ContentMismatch, or what the source failed with. Nothing is left behind then.
   */
  async ingest(
    digest: Digest | null,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    options: IngestOptions,
  ): Promise<{ digest: Digest; size: number }> {
    if (digest !== null) parseDigest(digest);
    const { maxBytes, sizeBytes, signal, onProgress } = options;
    const verifier = new Verifier({ digest, sizeBytes, maxBytes });
    const partial = join(this.#ingest, randomUUID());
    const chunks = source instanceof Uint8Array ? [source] : source;
    try {
      const file = await open(partial, "wx", 0o600);
      try {
        let written = 0;
        for await (const chunk of chunks) {
          signal?.throwIfAborted();
          verifier.update(chunk);
          await file.writeFile(chunk);
          written += chunk.length;
          onProgress?.(written);
        }
        signal?.throwIfAborted();
      } finally {
        await file.close();
      }
      const result = verifier.finish();
      options.onDigest?.(result.digest);
      await this.#commit(partial, result.digest);
      this.#onStored();
      return result;
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }

  /** Gives whole content, which the caller has seen to hash to its digest, its name. */
  adopt(partial: PartialBlob): void {
    const path = this.path(partial.digest);
    mkdirSync(join(this.#blobs, algorithmOf(partial.digest)), { recursive: true, mode: 0o700 });
    renameSync(partial.path, path);
    partial.discard();
    this.#onStored();
  }

  /**
   * Removes content; what is not there is fine. It is gone when this returns: who finds content after having leased it
   * keeps it.
   */
  async remove(digest: Digest): Promise<void> {
    rmSync(this.path(digest), { force: true });
  }

  /** Every digest that is here. */
  list(): Digest[] {
    return readdirSync(this.#blobs).flatMap((algorithm) =>
      readdirSync(join(this.#blobs, algorithm))
        .map((hex) => `${algorithm}:${hex}`)
        .filter(isDigest),
    );
  }

  /** When content was taken in, milliseconds since the epoch. @throws ENOENT */
  takenInAt(digest: Digest): number {
    return statSync(this.path(digest)).ctimeMs;
  }

  /** Reads content once and tells whether it is what its digest says. */
  async verify(digest: Digest): Promise<boolean> {
    const verifier = new Verifier({ digest, maxBytes: Number.MAX_SAFE_INTEGER });
    try {
      for await (const chunk of this.open(digest)) verifier.update(chunk as Buffer);
      verifier.finish();
      return true;
    } catch (error) {
      if (error instanceof ContentMismatch || isCode(error, "ENOENT", "EIO")) return false;
      throw error;
    }
  }

  async #commit(partial: string, digest: Digest): Promise<void> {
    const path = this.path(digest);
    try {
      await rename(partial, path);
    } catch (error) {
      // The first of its algorithm.
      if (!isCode(error, "ENOENT")) throw error;
      mkdirSync(join(this.#blobs, algorithmOf(digest)), { recursive: true, mode: 0o700 });
      await rename(partial, path);
    }
  }
}
