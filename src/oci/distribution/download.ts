import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "../digest.ts";
import { reasonOf } from "./reason.ts";
import { ContentError, TransportError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";
import { backoffMs } from "./retry.ts";

/** A connection that brought this much before it broke was worth it: the count of attempts starts again. */
const progressBytes = 1024 * 1024;

export interface DownloadOptions {
  /** The size that the manifest says; a blob that is longer is refused at its first byte too many. 0: not known. */
  sizeBytes: number;
  signal?: AbortSignal | undefined;
  /** Called before a pause that follows a cut connection. */
  onRetry?: (delayMs: number) => void;
}

/** The bytes of `body` from `skip` on, at most `most`. Breaks of the connection become temporary errors. */
async function* readPart(body: Readable, skip: number, most: number, cut: (error: unknown) => Error) {
  let [toSkip, left] = [skip, most];
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const fresh = chunk.subarray(Math.min(toSkip, chunk.length));
      toSkip -= chunk.length - fresh.length;
      left -= fresh.length;
      if (left < 0) throw new ContentError("the blob is longer than its manifest says");
      if (fresh.length > 0) yield fresh;
    }
  } catch (error) {
    throw error instanceof ContentError ? error : cut(error);
  } finally {
    body.destroy();
  }
}

/**
 * A blob's bytes from first to last. When the connection breaks they go on where they ended, by a range request; the
 * bytes are not checked here: whoever stores them compares the digest.
 *
 * @throws ContentError when the blob is longer than it should be; RegistryError; TransportError, also for one that
 * stays shorter.
 */
export async function* downloadBlob(
  repository: Repository,
  digest: Digest,
  { sizeBytes, signal, onRetry }: DownloadOptions,
): AsyncGenerator<Buffer> {
  const policy = repository.retry;
  const { href } = repository.url(`blobs/${digest}`);
  const broken = (text: string, cause?: unknown): TransportError =>
    new TransportError("GET", href, text, { cause, temporary: true });
  let received = 0;
  for (let attempt = 1, since = 0; ; attempt++) {
    const { body, offset, size, broke } = await repository.blob(digest, { offset: received, signal });
    const total = sizeBytes > 0 ? sizeBytes : (size ?? Number.MAX_SAFE_INTEGER);
    let failure: TransportError;
    try {
      const cut = (error: unknown): Error => broken(reasonOf(error).text, error);
      for await (const chunk of readPart(body, received - offset, total - received, cut)) {
        received += chunk.length;
        yield chunk;
      }
      if (received === total || (sizeBytes === 0 && size === undefined)) return;
      failure = broken("unexpected EOF");
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransportError)) throw error;
      failure = error;
    }
    broke();
    if (received - since >= progressBytes) [attempt, since] = [1, received];
    if (attempt >= policy.attempts) throw failure;
    const delayMs = backoffMs(policy, attempt);
    onRetry?.(delayMs);
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  }
}
