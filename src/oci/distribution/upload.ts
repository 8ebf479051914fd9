import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "../digest.ts";
import { SourceError, sendChunks, sendWhole } from "./upload-send.ts";
import type { BlobSource, SentBytes } from "./upload-send.ts";
import { askStatus, beginUpload, cancelUpload, withDigest } from "./upload-session.ts";
import type { UploadSession } from "./upload-session.ts";
import { ContentError, RegistryError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";
import { backoffMs, isTemporary } from "./retry.ts";

export interface UploadOptions {
  /** What the bytes must hash to. */
  digest?: Digest | undefined;
  /** An upload that was begun already. */
  session?: UploadSession | undefined;
  /** Send chunks of so many bytes, each a request of its own; 0 for all in one, unless the registry wants chunks. */
  chunkBytes?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called before a pause that follows a broken connection. */
  onRetry?: ((delayMs: number) => void) | undefined;
}

/** Bytes that hash to something else than they should. The upload was not finished, and the registry has nothing. */
export class DigestMismatch extends ContentError {
  readonly actual: Digest;

  constructor(expected: Digest, actual: Digest) {
    super(`the bytes to upload have the digest ${actual} instead of ${expected}`);
    this.name = "DigestMismatch";
    this.actual = actual;
  }
}

/** A connection that took this much before it broke was worth it: the count of attempts starts again. */
const progressBytes = 1024 * 1024;
/** The size of chunks for a registry, or what is before it, that takes no larger requests. */
const fallbackChunkBytes = 16 * 1024 * 1024;
/** What a registry wants more than this at a time of is sent in one request: chunks are held in memory. */
const maxChunkBytes = 64 * 1024 * 1024;
/** Bytes whose digest is known are sent with the first request when they are at most so many. */
const monolithicBytes = 64 * 1024;

/** Hashes bytes that may come again after a broken connection, each once. */
class RunningHash implements SentBytes {
  readonly #hash = createHash("sha256");
  #bytes = 0;

  take(chunk: Uint8Array, offset: number): void {
    const fresh = chunk.subarray(Math.min(this.#bytes - offset, chunk.length));
    this.#hash.update(fresh);
    this.#bytes += fresh.length;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  digest(): Digest {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}

/**
 * Sends a blob and computes its digest on the way. When the connection breaks, a token runs out or the registry has
 * another place in mind, it is asked how much it has, and the upload goes on from there; where it cannot say, from the
 * start.
 *
 * @throws DigestMismatch before the upload is finished; RegistryError; TransportError when it breaks again and again.
 * An upload that fails is cancelled.
 *
 * **Source:** OCI distribution-spec, "Pushing a blob in chunks"; one chunk of unknown length as Docker does.
 */
export const uploadBlob = async (
  repository: Repository,
  source: BlobSource,
  options: UploadOptions = {},
): Promise<{ digest: Digest; size: number }> => {
  const { signal, digest: expected } = options;
  const { client, retry: policy } = repository;
  const hash = new RunningHash();
  let session = options.session ?? (await begin(repository, signal));
  let chunkBytes = chunkSize(options.chunkBytes ?? 0, session.chunkMinBytes);
  try {
    for (let attempt = 1, since = 0, renewedAt = -1; ; attempt++) {
      try {
        const send = chunkBytes > 0 ? sendChunks : sendWhole;
        session = await send(client, session, source, hash, {
          chunkBytes,
          signal,
          onSession: (next) => (session = next),
        });
        break;
      } catch (error) {
        signal?.throwIfAborted();
        const reason = error instanceof SourceError ? error.cause : error;
        const status = reason === error && error instanceof RegistryError ? error.status : 0;
        const fresh = status === 401 && client.renewable && session.offset > renewedAt;
        const tooLarge = status === 413 && (chunkBytes === 0 || chunkBytes > fallbackChunkBytes);
        if (!fresh && !tooLarge && status !== 416 && !isTemporary(reason)) throw error;
        if (attempt >= policy.attempts) throw error;
        if (fresh) renewedAt = session.offset;
        else if (tooLarge) chunkBytes = chunkSize(fallbackChunkBytes, session.chunkMinBytes);
        else {
          const delayMs = client.waitMs(error) ?? backoffMs(policy, attempt);
          options.onRetry?.(delayMs);
          await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
        }
        const found = await askStatus(client, session, signal);
        // More than was ever sent is nothing to go on from.
        const goesOn = found !== undefined && found.offset <= hash.sizeBytes;
        session = goesOn ? found : await beginAgain(repository, session, signal);
        if (session.offset - since >= progressBytes) [attempt, since] = [0, session.offset];
      }
    }
    const digest = hash.digest();
    if (expected !== undefined && digest !== expected) throw new DigestMismatch(expected, digest);
    await finishUpload(repository, session, digest, signal);
    return { digest, size: hash.sizeBytes };
  } catch (error) {
    await cancelUpload(client, session);
    throw error;
  }
};

const chunkSize = (asked: number, leastBytes: number): number => {
  const bytes = Math.max(asked, leastBytes);
  return bytes > maxChunkBytes ? 0 : bytes;
};

const begin = async (repository: Repository, signal: AbortSignal | undefined): Promise<UploadSession> => {
  const session = await beginUpload(repository, undefined, signal);
  if (session === undefined) throw new ContentError("the registry began no upload");
  return session;
};

const beginAgain = async (
  repository: Repository,
  before: UploadSession,
  signal: AbortSignal | undefined,
): Promise<UploadSession> => {
  await cancelUpload(repository.client, before);
  return begin(repository, signal);
};

/** Makes an upload a blob. When the answer was lost and the upload is gone, the blob is looked for. */
const finishUpload = async (
  repository: Repository,
  session: UploadSession,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const headers = { "content-length": "0" };
  try {
    const url = withDigest(session.location, digest);
    await repository.client.send({ method: "PUT", url, headers, signal });
  } catch (error) {
    const isGone = error instanceof RegistryError && error.status === 404;
    if (!isGone || (await repository.statBlob(digest, signal)) === undefined) throw error;
  }
};

/**
 * Sends bytes whose digest is known: with the first request when they are few, else with the second.
 *
 * **Source:** OCI distribution-spec, "Pushing a blob monolithically".
 */
export const uploadBytes = async (
  repository: Repository,
  digest: Digest,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<void> => {
  const headers = { "content-type": "application/octet-stream", "content-length": String(bytes.length) };
  const whole = bytes.length <= monolithicBytes;
  const url = repository.url("blobs/uploads/");
  if (whole) url.searchParams.set("digest", digest);
  const first = whole ? { headers, body: bytes } : { headers: { "content-length": "0" } };
  const begun = await repository.client.send({ method: "POST", url, ...first, signal });
  if (begun.status === 201) return;
  const location = new URL(begun.headers.location ?? "", begun.url);
  const put = withDigest(location, digest);
  await repository.client.send({ method: "PUT", url: put, headers, body: bytes, signal });
};

/**
 * Puts a manifest at a tag or digest.
 *
 * @throws ContentError when the registry says it has stored something else.
 */
export const putManifest = async (
  repository: Repository,
  tagOrDigest: string,
  manifest: { bytes: Uint8Array; digest: Digest; mediaType: string },
  signal?: AbortSignal,
): Promise<void> => {
  const { bytes, digest, mediaType } = manifest;
  const headers = { "content-type": mediaType, "content-length": String(bytes.length) };
  const url = repository.url(`manifests/${tagOrDigest}`);
  const answer = await repository.client.send({ method: "PUT", url, headers, body: bytes, signal });
  const stored = answer.headers["docker-content-digest"];
  if (typeof stored === "string" && stored !== "" && stored !== digest)
    throw new ContentError(`the registry stored ${stored} where ${digest} was sent`);
};
