import { Readable } from "node:stream";
import { ContentMismatch, Verifier } from "../../oci/blob/verify.ts";
import type { Digest } from "../../oci/digest.ts";
import type { ArchiveSource } from "../../oci/layer/transfer.ts";

/** A source that hashes what is taken from it. */
export interface CheckedSource {
  source: ArchiveSource;
  /** @throws ContentMismatch unless all of it was taken and was what it should be. */
  finish(): void;
}

/** Checks a stream against its digest while it is read; files of the host were checked when they were stored. */
export const checkedSource = (
  source: ArchiveSource,
  blob: { digest: Digest; sizeBytes?: number | undefined } | undefined,
): CheckedSource => {
  if (blob === undefined || !(source instanceof Readable)) return { source, finish: () => {} };
  const verifier = new Verifier({ ...blob, maxBytes: Number.MAX_SAFE_INTEGER });
  let isRead = false;
  const verified = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      verifier.update(chunk as Buffer);
      yield chunk as Buffer;
    }
    verifier.finish();
    isRead = true;
  };
  const finish = (): void => {
    if (!isRead) throw new ContentMismatch(`${blob.digest} goes on after the end of its archive`);
  };
  return { source: Readable.from(verified(), { objectMode: false }), finish };
};
