import { invalidParameter, systemError } from "../../../base/errors.ts";
import { isDigest } from "../../../oci/digest.ts";
import { parseManifest } from "../../../oci/distribution/manifest.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import { mediaType } from "../../../oci/media-type.ts";
import { choosePlatform, formatPlatform, hostPlatform } from "../../../oci/platform.ts";
import type { Platform } from "../../../oci/platform.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { ImageManifest } from "../../../wire/oci/manifest.ts";
import type { ContentLease, ImageContext } from "../context.ts";

/** How deep indexes may hold indexes. */
const maxIndexDepth = 4;

/** The manifest that a tag or digest leads to on this platform. */
export interface ResolvedManifest {
  /** The digest of what the tag names: of the index, when it is one. */
  digest: string;
  manifest: ImageManifest;
  /** The documents that led here, outermost first; each is a blob of ours now. */
  documents: string[];
}

const configTypes = new Set<string>([
  mediaType.dockerConfig,
  mediaType.ociConfig,
  "application/octet-stream",
  "application/json",
  "text/html",
  "",
]);

const layerPrefixes = [
  "application/vnd.docker.image.rootfs.diff",
  "application/vnd.docker.image.rootfs.foreign.diff",
  "application/vnd.oci.image.layer.v1",
  "application/vnd.oci.image.layer.nondistributable.v1",
];

/** Refuses what is no image: plug-ins, charts, models and layers that are no archives. */
const checkIsImage = (manifest: ImageManifest): void => {
  const { mediaType: type } = manifest.config;
  if (!configTypes.has(type)) {
    const kind = type === mediaType.dockerPluginConfig ? "plugin" : "unknown";
    throw invalidParameter(`Encountered remote ${JSON.stringify(type)}(${kind}) when fetching`);
  }
  for (const { mediaType: layerType } of manifest.layers)
    if (layerType !== "" && !layerPrefixes.some((prefix) => layerType === prefix || layerType.startsWith(`${prefix}.`)))
      throw invalidParameter(`unsupported media type ${layerType}`);
};

const platformOfEntry = ({ platform }: Descriptor): Platform | undefined =>
  platform === undefined || platform === null || platform.os === "unknown"
    ? undefined
    : {
        os: platform.os,
        architecture: platform.architecture,
        ...(platform.variant === undefined ? {} : { variant: platform.variant }),
      };

/** Reads manifests of one repository, and keeps their bytes. */
class ManifestReader {
  readonly #context: ImageContext;
  readonly #repository: Repository;
  readonly #lease: ContentLease;
  readonly #signal: AbortSignal | undefined;

  constructor(context: ImageContext, repository: Repository, lease: ContentLease, signal: AbortSignal | undefined) {
    this.#context = context;
    this.#repository = repository;
    this.#lease = lease;
    this.#signal = signal;
  }

  /** A document by tag or digest; one that is here is not fetched again when `trusted` says the registry has it. */
  async read(
    tagOrDigest: string,
    announced: string,
    trusted: boolean,
  ): Promise<{ digest: string; parsed: ReturnType<typeof parseManifest> }> {
    if (trusted && isDigest(tagOrDigest)) {
      this.#lease.add("blob", tagOrDigest);
      if (this.#context.blobs.has(tagOrDigest))
        return {
          digest: tagOrDigest,
          parsed: parseManifest(await this.#context.blobs.read(tagOrDigest), announced),
        };
    }
    const fetched = await this.#repository.manifest(tagOrDigest, this.#signal);
    const parsed = parseManifest(fetched.bytes, fetched.mediaType || announced);
    this.#lease.add("blob", fetched.digest);
    await this.#context.blobs.ingest(fetched.digest, fetched.bytes, { maxBytes: fetched.bytes.length });
    return { digest: fetched.digest, parsed };
  }
}

/**
 * Finds the manifest of a tag or digest for a platform, going through indexes.
 *
 * @throws EngineError system `no matching manifest for linux/s390x in the manifest list entries`; what the registry
 * failed with.
 */
export const resolveManifest = async (
  context: ImageContext,
  repository: Repository,
  wanted: { tag: string } | { digest: string; known: boolean },
  options: {
    platform: Platform | undefined;
    lease: ContentLease;
    signal: AbortSignal | undefined;
    onFound: () => void;
  },
): Promise<ResolvedManifest> => {
  const { signal, lease } = options;
  const reader = new ManifestReader(context, repository, lease, signal);
  const head = "tag" in wanted ? await repository.resolve(wanted.tag, signal) : undefined;
  let current =
    "tag" in wanted
      ? await reader.read(head?.digest ?? wanted.tag, head?.mediaType ?? "", head !== undefined)
      : await reader.read(wanted.digest, "", wanted.known);
  options.onFound();
  const documents = [current.digest];
  const platform = options.platform ?? hostPlatform();
  for (let depth = 0; current.parsed.kind === "index"; depth++) {
    if (depth === maxIndexDepth) throw systemError("indexes are nested too deep");
    const entry = choosePlatform(platform, current.parsed.index.manifests, platformOfEntry);
    if (entry === undefined) throw noMatch(platform);
    current = await reader.read(entry.digest, entry.mediaType, true);
    documents.push(current.digest);
  }
  checkIsImage(current.parsed.manifest);
  return { digest: documents[0] ?? "", manifest: current.parsed.manifest, documents };
};

const noMatch = (platform: Platform): Error =>
  systemError(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
