import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { algorithmOf } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Reservation } from "../content/quota.ts";
import { fault } from "../fault.ts";
import type { FileHash, Hashers } from "./hashers.ts";
import { receive } from "./receive.ts";

/** Up to this size every upload is hashed as it comes: a thread would take longer to hear of it. */
const inlineBytes = 512 * 1024;

export interface SessionRecord {
  repository: string;
  /** What the client says that its digest will be of; a guess that may be wrong. */
  algorithm: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

/**
 * One upload: a file that grows, and its hash beside. After a crash the file is what there is: the hash begins again
 * from its first byte.
 */
export class UploadSession {
  readonly id: string;
  readonly record: SessionRecord;
  readonly path: string;
  /** The quota's room for what has come. */
  readonly reserved: Reservation;
  readonly #folder: string;
  readonly #hashers: Hashers;
  #sizeBytes: number;
  #inline: Hash | undefined;
  #hash: FileHash | undefined;
  #busy = false;
  #removed = false;
  #lastUseMs: number;

  constructor(
    id: string,
    folder: string,
    record: SessionRecord,
    hashers: Hashers,
    reserved: Reservation,
    sizeBytes: number,
    lastUseMs = Date.now(),
  ) {
    this.id = id;
    this.record = record;
    this.#folder = folder;
    this.path = join(folder, "data");
    this.#hashers = hashers;
    this.reserved = reserved;
    reserved.set(sizeBytes);
    this.#sizeBytes = sizeBytes;
    this.#lastUseMs = lastUseMs;
    if (sizeBytes === 0) this.#inline = createHash(record.algorithm);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get busy(): boolean {
    return this.#busy;
  }

  get lastUseMs(): number {
    return this.#lastUseMs;
  }

  /**
   * Runs `work` while nobody else may change the upload.
   *
   * @throws RegistryFault BLOB_UPLOAD_INVALID when somebody does.
   */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) {
      throw fault("BLOB_UPLOAD_INVALID", { status: 409, message: "the upload is being written by another request" });
    }
    if (this.#removed) throw fault("BLOB_UPLOAD_UNKNOWN", { detail: { id: this.id } });
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
      this.#lastUseMs = Date.now();
    }
  }

  /**
   * Adds a body at the end. What has come stays when it breaks off.
   *
   * @throws RegistryFault DENIED when it is more than the quota has room for
   * @param listener `onChunk` hears of bytes before they are written, and may throw to end it; `onWritten` of the size
   */
  async append(
    body: Readable,
    listener: { onChunk?: (sizeBytes: number) => void; onWritten?: (sizeBytes: number) => void } = {},
  ): Promise<void> {
    const file = await open(this.path, "r+");
    // One large upload at a time is hashed by the event loop, which has its bytes at hand; others by threads beside it.
    let place: Disposable | undefined;
    const stays = this.#sizeBytes > inlineBytes;
    if (this.#inline !== undefined && stays) place = this.#hashers.takeInline(true);
    let receivedBytes = this.#sizeBytes;
    try {
      await receive(body, {
        file,
        position: this.#sizeBytes,
        onChunk: (chunk) => {
          listener.onChunk?.(chunk.length);
          this.reserved.grow(chunk.length);
          this.#lastUseMs = Date.now();
          receivedBytes += chunk.length;
          if (this.#inline === undefined) return;
          if (place === undefined && receivedBytes > inlineBytes) place = this.#hashers.takeInline();
          if (place === undefined && receivedBytes > inlineBytes) this.#inline = undefined;
          else this.#inline.update(chunk);
        },
        onWritten: (position) => {
          this.#sizeBytes = position;
          if (this.#inline === undefined) this.#fileHash(this.record.algorithm).advance(position);
          listener.onWritten?.(position);
        },
      });
    } catch (error) {
      // Bytes may have been hashed that were never written.
      this.#inline = undefined;
      throw error;
    } finally {
      place?.[Symbol.dispose]();
      // What was not written takes no room.
      this.reserved.set(this.#sizeBytes);
      await file.close();
    }
  }

  /** Compares what has come with its digest. @throws RegistryFault DIGEST_INVALID */
  async verify(digest: Digest): Promise<void> {
    const algorithm = algorithmOf(digest);
    const hex =
      this.#inline !== undefined && this.record.algorithm === algorithm
        ? this.#inline.copy().digest("hex")
        : await this.#finish(algorithm);
    if (`${algorithm}:${hex}` !== digest) {
      throw fault("DIGEST_INVALID", { detail: { digest, reason: `the content has ${algorithm}:${hex}` } });
    }
  }

  async #finish(algorithm: string): Promise<string> {
    const hash = this.#fileHash(algorithm);
    this.#hash = undefined;
    return hash.finish(this.#sizeBytes);
  }

  #fileHash(algorithm: string): FileHash {
    if (this.#hash?.algorithm !== algorithm) {
      this.#hash?.[Symbol.dispose]();
      this.#hash = this.#hashers.open(this.path, algorithm);
    }
    return this.#hash;
  }

  /** Removes the upload; it keeps its room until its file is gone. */
  async remove(): Promise<void> {
    this.#removed = true;
    this.#hash?.[Symbol.dispose]();
    this.#hash = undefined;
    await rm(this.#folder, { recursive: true, force: true });
    this.reserved[Symbol.dispose]();
  }
}
