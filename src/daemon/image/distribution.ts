import { EngineError, forbidden, messageOf, notFound, systemError, unauthorized } from "../../base/errors.ts";
import { withRepository } from "../../oci/distribution/connect.ts";
import { parseManifest } from "../../oci/distribution/manifest.ts";
import type { ParsedManifest } from "../../oci/distribution/manifest.ts";
import { RegistryError } from "../../oci/distribution/registry-error.ts";
import { mediaType } from "../../oci/media-type.ts";
import type { Repository } from "../../oci/distribution/repository.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Descriptor, DescriptorPlatform } from "../../wire/oci/descriptor.ts";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import type { ImageContext } from "./context.ts";
import { parseImageConfig } from "./document.ts";
import { downloadConfig } from "./download-config.ts";

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
  const bytes = await downloadConfig(repository, descriptor, signal);
  const { architecture = "", os = "", variant } = parseImageConfig(bytes);
  return { architecture, os, ...(variant === undefined || variant === "" ? {} : { variant }) };
};

/** Docker reads the configuration of its own kind of manifest only. */
const platformsOf = async (
  repository: Repository,
  parsed: ParsedManifest,
  signal: AbortSignal | undefined,
): Promise<DescriptorPlatform[] | null> => {
  if (parsed.kind === "index")
    return parsed.index.manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
  if (parsed.mediaType !== mediaType.dockerManifest) return null;
  return [await platformOfConfig(repository, parsed.manifest.config, signal)];
};

const kindOf = (code: string): typeof systemError => {
  if (code === "MANIFEST_UNKNOWN" || code === "NAME_UNKNOWN") return notFound;
  if (code === "UNAUTHORIZED") return unauthorized;
  return code === "DENIED" ? forbidden : systemError;
};

/**
 * Looks an image up in its registry without pulling it.
 *
 * @throws EngineError not-found, unauthorized, forbidden or system, in the registry's words
 *
 * **Source:** Engine API, DistributionInspect.
 */
export const inspectDistribution = async (
  context: ImageContext,
  name: string,
  auth: RegistryAuthConfig | undefined,
  signal?: AbortSignal,
): Promise<DistributionInspect> => {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(name)) throw systemError("no manifest found for full image ID");
  const reference = parseReference(name).withDefaultTag();
  const { settings, userAgent, retry } = context.registry;
  const options = { settings, userAgent, auth, signal, ...(retry === undefined ? {} : { retry }) };
  try {
    return await withRepository(
      { domain: reference.domain, path: reference.path },
      "pull",
      options,
      async (repository) => {
        const tag = reference.tag ?? "latest";
        const digest = reference.digest ?? (await repository.resolve(tag, signal))?.digest;
        const found = await repository.manifest(digest ?? tag, signal);
        const parsed = parseManifest(found.bytes, found.mediaType);
        const Descriptor = { mediaType: parsed.mediaType, digest: found.digest, size: found.bytes.length };
        return { Descriptor, Platforms: await platformsOf(repository, parsed, signal) };
      },
    );
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw (error instanceof RegistryError ? kindOf(error.code) : systemError)(messageOf(error), error);
  }
};
