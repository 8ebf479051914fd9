import { invalidParameter, systemError } from "../../../base/errors.ts";
import { isDigest } from "../../../oci/digest.ts";
import { parseManifest } from "../../../oci/distribution/manifest.ts";
import type { ParsedManifest } from "../../../oci/distribution/manifest.ts";
import type { Repository } from "../../../oci/distribution/repository.ts";
import { mediaType } from "../../../oci/media-type.ts";
import { choosePlatform, formatPlatform, hostPlatform } from "../../../oci/platform.ts";
import type { Platform } from "../../../oci/platform.ts";
import type { ImageManifest } from "../../../wire/oci/manifest.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import {
  isImageConfigType,
  isImageManifest,
  isLayerType,
  manifestRecord,
  referenceTypeAnnotation,
} from "../manifest-record.ts";
import { maxIndexDepth, platformOfEntry } from "../platforms.ts";
import type { ManifestRecord } from "../record.ts";

/** How many manifests and indexes of one index are pulled. */
const maxDocuments = 1024;

/** An image's manifest that a tag or digest leads to. */
export interface ResolvedManifest {
  manifest: ImageManifest;
  /** The documents that led here, outermost first; each is a blob of ours now. */
  documents: ManifestRecord[];
}

/** What a tag or digest leads to. */
export interface Resolved {
  /** The digest of what the tag names: of the index, when it is one. */
  digest: string;
  /** The image of one platform, or of each. */
  images: ResolvedManifest[];
  /** Manifests of an index that are no images for this system, with the documents that led there. */
  artifacts: ResolvedManifest[];
}

/** Refuses what is no image: plug-ins, charts, models and layers that are no archives. */
const checkIsImage = (manifest: ImageManifest): void => {
  const { mediaType: type } = manifest.config;
  if (!isImageConfigType(type)) {
    const kind = type === mediaType.dockerPluginConfig ? "plugin" : "unknown";
    throw invalidParameter(`Encountered remote ${JSON.stringify(type)}(${kind}) when fetching`);
  }
  for (const { mediaType: layerType } of manifest.layers)
    if (!isLayerType(layerType)) throw invalidParameter(`unsupported media type ${layerType}`);
};

interface ReadManifest {
  digest: string;
  size: number;
  parsed: ParsedManifest;
}

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
  async read(tagOrDigest: string, announced: string, trusted: boolean): Promise<ReadManifest> {
    if (trusted && isDigest(tagOrDigest)) {
      this.#lease.add("blob", tagOrDigest);
      if (this.#context.blobs.has(tagOrDigest)) {
        const bytes = await this.#context.blobs.read(tagOrDigest);
        return { digest: tagOrDigest, size: bytes.length, parsed: parseManifest(bytes, announced) };
      }
    }
    const fetched = await this.#repository.manifest(tagOrDigest, this.#signal);
    const parsed = parseManifest(fetched.bytes, fetched.mediaType || announced);
    this.#lease.add("blob", fetched.digest);
    await this.#context.blobs.ingest(fetched.digest, fetched.bytes, { maxBytes: fetched.bytes.length });
    return { digest: fetched.digest, size: fetched.bytes.length, parsed };
  }
}

/** Of which platforms images are wanted: of one (undefined: of this machine), or of all. */
export type WantedPlatforms = Platform | "all" | undefined;

/**
 * Finds the manifest of a tag or digest for a platform, or those for all, going through indexes.
 *
 * @throws EngineError system `no matching manifest for linux/s390x in the manifest list entries`; what the registry
 * failed with.
 */
export const resolveManifest = async (
  context: ImageContext,
  repository: Repository,
  wanted: { tag: string } | { digest: string; known: boolean },
  options: {
    platform: WantedPlatforms;
    lease: ContentLease;
    signal: AbortSignal | undefined;
    onFound: () => void;
  },
): Promise<Resolved> => {
  const { signal, lease, platform } = options;
  const reader = new ManifestReader(context, repository, lease, signal);
  const head = "tag" in wanted ? await repository.resolve(wanted.tag, signal) : undefined;
  const top =
    "tag" in wanted
      ? await reader.read(head?.digest ?? wanted.tag, head?.mediaType ?? "", head !== undefined)
      : await reader.read(wanted.digest, "", wanted.known);
  options.onFound();
  if (platform === "all" && top.parsed.kind === "index") {
    const found: Resolved = { digest: top.digest, images: [], artifacts: [] };
    await resolveAll(reader, top, [], found, new Set());
    if (found.images.length === 0) throw noMatch(hostPlatform());
    return found;
  }
  const one = await resolveOne(reader, top, platform === "all" ? undefined : platform);
  return { digest: top.digest, images: [one], artifacts: [] };
};

const resolveOne = async (
  reader: ManifestReader,
  top: ReadManifest,
  wanted: Platform | undefined,
): Promise<ResolvedManifest> => {
  const platform = wanted ?? hostPlatform();
  const documents: ManifestRecord[] = [];
  let current = top;
  for (let depth = 0; current.parsed.kind === "index"; depth++) {
    if (depth === maxIndexDepth) throw systemError("indexes are nested too deep");
    documents.push(manifestRecord(current.digest, current.size, current.parsed));
    const entry = choosePlatform(platform, current.parsed.index.manifests, platformOfEntry);
    if (entry === undefined) throw noMatch(platform);
    current = await reader.read(entry.digest, entry.mediaType, true);
  }
  const { manifest } = current.parsed;
  checkIsImage(manifest);
  documents.push(manifestRecord(current.digest, current.size, current.parsed, true));
  return { manifest, documents };
};

/** Reads every manifest of an index, and of the indexes in it. What is no image for this system stays as it is. */
const resolveAll = async (
  reader: ManifestReader,
  current: ReadManifest,
  above: readonly ManifestRecord[],
  found: Resolved,
  seen: Set<string>,
): Promise<void> => {
  if (current.parsed.kind !== "index") return;
  if (above.length === maxIndexDepth) throw systemError("indexes are nested too deep");
  const documents = [...above, manifestRecord(current.digest, current.size, current.parsed)];
  for (const entry of current.parsed.index.manifests) {
    if (seen.has(entry.digest)) continue;
    seen.add(entry.digest);
    if (seen.size > maxDocuments) throw systemError(`more than ${maxDocuments} manifests in the manifest list`);
    const read = await reader.read(entry.digest, entry.mediaType, true);
    if (read.parsed.kind === "index") {
      await resolveAll(reader, read, documents, found, seen);
      continue;
    }
    const { manifest } = read.parsed;
    const os = platformOfEntry(entry)?.os;
    const isAttached = entry.annotations?.[referenceTypeAnnotation] !== undefined || entry.platform?.os === "unknown";
    const isImage = !isAttached && isImageManifest(manifest) && (os ?? "linux") === "linux";
    const record = manifestRecord(read.digest, read.size, read.parsed, isImage);
    (isImage ? found.images : found.artifacts).push({ manifest, documents: [...documents, record] });
  }
};

const noMatch = (platform: Platform): Error =>
  systemError(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
