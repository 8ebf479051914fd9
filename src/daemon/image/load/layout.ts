import { invalidParameter } from "../../../base/errors.ts";
import { parseManifest } from "../../../oci/distribution/manifest.ts";
import type { Platform } from "../../../oci/platform.ts";
import { matchPlatform } from "../../../oci/platform.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { ImageManifest } from "../../../wire/oci/manifest.ts";
import { isImageManifest, manifestRecord, referenceTypeAnnotation } from "../manifest-record.ts";
import { maxIndexDepth, platformOfEntry } from "../platforms.ts";
import type { ManifestRecord } from "../record.ts";
import type { ImageArchive } from "./archive.ts";
import type { ArchivedImage } from "./contents.ts";

/** Most manifests of one archive. */
const maxManifests = 4096;
/** Where tools write the whole name of an image of a layout, and where its tag. */
const nameAnnotation = "io.containerd.image.name";
const refAnnotation = "org.opencontainers.image.ref.name";

/** What one entry of `index.json` stands for: an image, or an index of several. */
export interface ArchivedTarget {
  digest: string;
  tags: string[];
  /** The manifest or index, and all below it that is in the archive. */
  documents: ManifestRecord[];
  /** Its images for this system, by platform. */
  images: ArchivedImage[];
}

/** Reads a document of the archive whole. */
type ReadDocument = (path: string) => Promise<Buffer>;

/** Reads the targets of an OCI layout. What a part of an index names and the archive has not is passed over. */
export class LayoutReader {
  readonly #archive: ImageArchive;
  readonly #read: ReadDocument;
  readonly #platform: Platform | undefined;
  #manifests = 0;

  /** @param platform of which images are wanted; of all when undefined */
  constructor(archive: ImageArchive, read: ReadDocument, platform: Platform | undefined) {
    this.#archive = archive;
    this.#read = read;
    this.#platform = platform;
  }

  /** @throws EngineError invalid-parameter, ContentError for a bad document, system when a part is missing */
  async targets(): Promise<ArchivedTarget[]> {
    const parsed = parseManifest(await this.#read("index.json"), "");
    if (parsed.kind !== "index") throw invalidParameter("invalid index.json: not an index");
    const targets = new Map<string, ArchivedTarget>();
    for (const entry of parsed.index.manifests) {
      const known = targets.get(entry.digest);
      if (known !== undefined) known.tags.push(...tagsOf(entry));
      else targets.set(entry.digest, await this.#target(entry));
    }
    return [...targets.values()];
  }

  async #target(entry: Descriptor): Promise<ArchivedTarget> {
    const target: ArchivedTarget = { digest: entry.digest, tags: tagsOf(entry), documents: [], images: [] };
    await this.#walk(entry, [], target, new Set());
    return target;
  }

  async #walk(
    entry: Descriptor,
    above: readonly ManifestRecord[],
    target: ArchivedTarget,
    seen: Set<string>,
  ): Promise<void> {
    if (seen.has(entry.digest)) return;
    seen.add(entry.digest);
    // The archive may hold a part of an index, but not nothing of what it begins with.
    if (above.length > 0 && this.#archive.find(blobPath(entry.digest)) === undefined) return;
    if (++this.#manifests > maxManifests) throw invalidParameter(`archive has more than ${maxManifests} manifests`);
    const bytes = await this.#read(blobPath(entry.digest));
    const parsed = parseManifest(bytes, entry.mediaType);
    const digest = this.#archive.document(blobPath(entry.digest));
    if (parsed.kind === "index") {
      if (above.length === maxIndexDepth) throw invalidParameter("indexes are nested too deep");
      const record = manifestRecord(digest, bytes.length, parsed);
      target.documents.push(record);
      for (const next of parsed.index.manifests) await this.#walk(next, [...above, record], target, seen);
      return;
    }
    const { manifest } = parsed;
    const isImage = isImageFor(entry, manifest);
    if (isImage && above.length > 0 && !this.#isWanted(entry)) return;
    if (above.length > 0 && !this.#isWhole(manifest, isImage)) return;
    const record = manifestRecord(digest, bytes.length, parsed, isImage);
    target.documents.push(record);
    if (isImage) target.images.push(this.#image(manifest, [...above, record]));
  }

  #isWanted(entry: Descriptor): boolean {
    const platform = platformOfEntry(entry);
    return this.#platform === undefined || platform === undefined || matchPlatform(this.#platform, platform) !== null;
  }

  /** An attestation, or an image for another system, is kept as it is: its parts must be blobs. */
  #isWhole({ config, layers }: ImageManifest, isImage: boolean): boolean {
    const files = [config, ...layers].map(({ digest }) => this.#archive.find(blobPath(digest)));
    return files.every((file) => file !== undefined && (isImage || file.kind === "blob"));
  }

  #image({ config, layers }: ImageManifest, documents: readonly ManifestRecord[]): ArchivedImage {
    return {
      config: this.#archive.document(blobPath(config.digest)),
      layers: layers.map(({ digest }) => this.#archive.get(blobPath(digest))),
      tags: [],
      parent: null,
      manifests: documents.map(({ digest }) => digest),
      blobs: layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType, repositories: [] })),
    };
  }
}

const isImageFor = (entry: Descriptor, manifest: ImageManifest): boolean => {
  const isAttached = entry.annotations?.[referenceTypeAnnotation] !== undefined || entry.platform?.os === "unknown";
  return !isAttached && isImageManifest(manifest) && (platformOfEntry(entry)?.os ?? "linux") === "linux";
};

const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`;

/** The name of an image of a layout, when its annotations give a whole one. */
const tagsOf = ({ annotations }: Descriptor): string[] => {
  const name = annotations?.[nameAnnotation] ?? annotations?.[refAnnotation];
  return typeof name === "string" && /[/:]/.test(name) ? [name] : [];
};
