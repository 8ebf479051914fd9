import { retryText } from "./words.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import { uploadBlob } from "../../../oci/distribution/upload.ts";
import type { BlobSource } from "../../../oci/distribution/upload-send.ts";
import { beginUpload, cancelUpload } from "../../../oci/distribution/upload-session.ts";
import type { UploadSession } from "../../../oci/distribution/upload-session.ts";
import type { RegistryAuthConfig } from "../../../wire/registry/auth.ts";
import type { ImageContext } from "../context.ts";
import { statusOf } from "../progress.ts";
import type { OnProgress } from "../progress.ts";
import type { BlobKnowledge } from "./knowledge.ts";

/** One push: where to, what is known, and who hears of it. */
export interface PushTarget {
  context: ImageContext;
  repository: Repository;
  knowledge: BlobKnowledge;
  auth: RegistryAuthConfig | undefined;
  signal: AbortSignal | undefined;
  tell: OnProgress;
}

/** Most repositories that a layer is tried to be mounted from. **Source:** dockerd. */
const mountsMax = 4;

/**
 * Tries to have a blob taken over from another repository of the same registry.
 *
 * @returns from where, or the upload that the registry began instead, or undefined when it was not asked.
 */
export const mountBlob = async (
  { repository, signal }: PushTarget,
  digest: string,
  paths: readonly string[],
): Promise<{ mounted: string } | { session: UploadSession } | undefined> => {
  let session: UploadSession | undefined;
  for (const from of paths.slice(0, mountsMax)) {
    const before = session;
    try {
      session = await beginUpload(repository, { digest, from }, signal);
    } finally {
      // One upload is enough to go on with.
      if (before !== undefined) await cancelUpload(repository.client, before);
    }
    if (session === undefined) return { mounted: from };
  }
  return session === undefined ? undefined : { session };
};

/** Uploads bytes, saying what is waited for. */
export const upload = async (
  { context, repository, signal, tell }: PushTarget,
  id: string,
  source: BlobSource,
  options: { digest?: string; session?: UploadSession | undefined } = {},
): Promise<{ digest: string; size: number }> => {
  const pushed = await uploadBlob(repository, source, {
    ...options,
    chunkBytes: context.registry.uploadChunkBytes ?? 0,
    signal,
    onRetry: (delayMs) => tell(statusOf(id, retryText(delayMs))),
  });
  return pushed;
};
