import { invalidParameter } from "../../base/errors.ts";
import { sha256 } from "../../oci/digest.ts";
import { withRepository } from "../../oci/distribution/connect.ts";
import { downloadBlob } from "../../oci/distribution/download.ts";
import { parseManifest } from "../../oci/distribution/manifest.ts";
import type { Repository } from "../../oci/distribution/repository.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Descriptor, DescriptorPlatform } from "../../wire/oci/descriptor.ts";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import type { ImageContext } from "./context.ts";
import { maxConfigBytes, parseImageConfig } from "./document.ts";
import { pullError } from "./pull/errors.ts";

/** What a registry holds under a name. */
export interface DistributionInspect {
  Descriptor: { mediaType: string; digest: string; size: number };
  Platforms: DescriptorPlatform[] | null;
}

const platformOfConfig = async (
  repository: Repository,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<DescriptorPlatform> => {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of downloadBlob(repository, descriptor.digest, { sizeBytes: descriptor.size, signal })) {
    chunks.push(chunk);
    total += chunk.length;
    if (total > maxConfigBytes) throw invalidParameter(`image config is larger than ${maxConfigBytes} bytes`);
  }
  const bytes = Buffer.concat(chunks);
  if (sha256(bytes) !== descriptor.digest)
    throw invalidParameter(`image config verification failed for digest ${descriptor.digest}`);
  const { architecture = "", os = "", variant } = parseImageConfig(bytes);
  return { architecture, os, ...(variant === undefined || variant === "" ? {} : { variant }) };
};

/**
 * Looks an image up in its registry without pulling it.
 *
 * @throws EngineError as a pull does
 *
 * **Source:** Engine API, DistributionInspect.
 */
export const inspectDistribution = async (
  context: ImageContext,
  name: string,
  auth: RegistryAuthConfig | undefined,
  signal?: AbortSignal,
): Promise<DistributionInspect> => {
  const reference = parseReference(name).withDefaultTag();
  const { settings, userAgent, retry } = context.registry;
  const options = { settings, userAgent, auth, signal, ...(retry === undefined ? {} : { retry }) };
  try {
    return await withRepository(
      { domain: reference.domain, path: reference.path },
      "pull",
      options,
      async (repository) => {
        const found = await repository.manifest(reference.digest ?? reference.tag ?? "latest", signal);
        const parsed = parseManifest(found.bytes, found.mediaType);
        const Platforms =
          parsed.kind === "index"
            ? parsed.index.manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platform]))
            : [await platformOfConfig(repository, parsed.manifest.config, signal)];
        const { digest, bytes } = found;
        return { Descriptor: { mediaType: parsed.mediaType, digest, size: bytes.length }, Platforms };
      },
    );
  } catch (error) {
    throw pullError(error, reference, signal);
  }
};
