import { invalidParameter } from "../../base/errors.ts";
import { sha256 } from "../../oci/digest.ts";
import { downloadBlob } from "../../oci/distribution/download.ts";
import { ContentError } from "../../oci/distribution/registry-error.ts";
import type { Repository } from "../../oci/distribution/repository.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import { maxConfigBytes } from "./document.ts";

/**
 * An image's configuration as a registry keeps it: at most `maxConfigBytes`, and the bytes that its digest names.
 *
 * @throws EngineError invalid-parameter when it is too large; ContentError when it is other content, and what
 * `downloadBlob` throws.
 */
export const downloadConfig = async (
  repository: Repository,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Buffer> => {
  // What the manifest says of the size saves the download; a manifest may also say nothing, or 0.
  const limit = (sizeBytes: number): void => {
    if (sizeBytes > maxConfigBytes) throw invalidParameter(`image config is larger than ${maxConfigBytes} bytes`);
  };
  limit(size);
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of downloadBlob(repository, digest, { sizeBytes: size, signal })) {
    limit((total += chunk.length));
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (sha256(bytes) !== digest) throw new ContentError(`image config verification failed for digest ${digest}`);
  return bytes;
};
