import type { Digest } from "../digest.ts";
import { reasonOf } from "./reason.ts";
import { ContentError, TransportError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";

/**
 * A blob's bytes from `offset` to its end, once: whoever sends them on asks again from where it stands when this breaks.
 *
 * @throws TransportError (temporary) when the connection breaks or ends early; ContentError when there is more than
 * `sizeBytes`; RegistryError.
 */
export async function* downloadFrom(
  repository: Repository,
  digest: Digest,
  options: { offset: number; sizeBytes: number; signal?: AbortSignal },
): AsyncGenerator<Buffer> {
  const { offset, sizeBytes, signal } = options;
  const answer = await repository.blob(digest, { offset, signal });
  const { href } = repository.url(`blobs/${digest}`);
  const broken = (text: string, cause?: unknown): TransportError => {
    answer.broke();
    return new TransportError("GET", href, text, { cause, temporary: true });
  };
  let skip = offset - answer.offset;
  let left = sizeBytes - offset;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      const fresh = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - fresh.length;
      left -= fresh.length;
      if (left < 0) throw new ContentError("the blob is longer than its manifest says");
      if (fresh.length > 0) yield fresh;
    }
  } catch (error) {
    throw error instanceof ContentError ? error : broken(reasonOf(error).text, error);
  } finally {
    answer.body.destroy();
  }
  if (left > 0) throw broken("unexpected EOF");
}
