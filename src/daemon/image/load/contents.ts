import { invalidParameter, systemError } from "../../../base/errors.ts";
import { isDigest } from "../../../oci/digest.ts";
import { maxManifestBytes, parseManifest } from "../../../oci/distribution/manifest.ts";
import { choosePlatform, hostPlatform } from "../../../oci/platform.ts";
import type { Platform } from "../../../oci/platform.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import type { ArchivedFile, ImageArchive } from "./archive.ts";
import { legacyImages } from "./legacy.ts";

const maxImages = 4096;
const maxIndexDepth = 4;
/** Where tools write the whole name of an image of a layout, and where its tag. */
const nameAnnotation = "io.containerd.image.name";
const refAnnotation = "org.opencontainers.image.ref.name";

/** One image of an archive. */
export interface ArchivedImage {
  /** The digest of its configuration, which is a blob here. */
  config: string;
  layers: ArchivedFile[];
  tags: string[];
  /** The image id that it was built on, when the archive has that too. */
  parent: string | null;
  manifests: string[];
  /** Docker says nothing of it when it is loaded. */
  untold?: boolean;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

const readJson = async (context: ImageContext, digest: string, name: string): Promise<unknown> => {
  const bytes = await readSmall(context, digest, name);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw invalidParameter(`invalid ${name}: not JSON`, error);
  }
};

const readSmall = async (context: ImageContext, digest: string, name: string): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of context.blobs.open(digest) as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > maxManifestBytes) throw invalidParameter(`${name} is larger than ${maxManifestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

/** What `manifest.json` says, as `docker save` writes it. */
const dockerImages = async (
  context: ImageContext,
  archive: ImageArchive,
  manifest: string,
): Promise<ArchivedImage[]> => {
  const items = await readJson(context, manifest, "manifest.json");
  if (items === null) throw systemError("invalid manifest, manifest cannot be null (but can be [])");
  if (!Array.isArray(items) || items.length > maxImages) throw invalidParameter("invalid manifest.json: not a list");
  return items.map((item: unknown) => {
    if (!isObject(item)) throw invalidParameter("invalid manifest.json: an item is not an object");
    const { Config, RepoTags, Layers, Parent } = item;
    if (typeof Config !== "string") throw invalidParameter("invalid manifest.json: Config is not a path");
    const layers = Layers ?? [];
    const tags = RepoTags ?? [];
    if (!isTexts(layers)) throw invalidParameter("invalid manifest.json: Layers is not a list of paths");
    if (!isTexts(tags)) throw invalidParameter("invalid manifest.json: RepoTags is not a list of names");
    return {
      config: archive.document(Config),
      layers: layers.map((path) => archive.get(path)),
      tags,
      parent: typeof Parent === "string" && isDigest(Parent) ? Parent : null,
      manifests: [],
    };
  });
};

const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`;

/** The name of an image of a layout, when its annotations give a whole one. */
const tagsOf = ({ annotations }: Descriptor): string[] => {
  const name = annotations?.[nameAnnotation] ?? annotations?.[refAnnotation];
  return typeof name === "string" && /[/:]/.test(name) ? [name] : [];
};

const platformOfEntry = ({ platform }: Descriptor): Platform | undefined =>
  isObject(platform) && typeof platform.os === "string" && typeof platform.architecture === "string"
    ? {
        os: platform.os,
        architecture: platform.architecture,
        ...(typeof platform.variant === "string" ? { variant: platform.variant } : {}),
      }
    : undefined;

/** Follows a descriptor of a layout through indexes to a manifest for this platform; undefined when it leads to none. */
const layoutImage = async (
  context: ImageContext,
  archive: ImageArchive,
  entry: Descriptor,
  platform: Platform,
): Promise<ArchivedImage | undefined> => {
  let [digest, type]: [string, string] = [entry.digest, entry.mediaType];
  const manifests: string[] = [];
  for (let depth = 0; depth <= maxIndexDepth; depth++) {
    const blob = archive.document(blobPath(digest));
    const parsed = parseManifest(await readSmall(context, blob, digest), type);
    manifests.push(blob);
    if (parsed.kind === "manifest")
      return {
        config: archive.document(blobPath(parsed.manifest.config.digest)),
        layers: parsed.manifest.layers.map((layer) => archive.get(blobPath(layer.digest))),
        tags: tagsOf(entry),
        parent: null,
        manifests,
      };
    const next = choosePlatform(platform, parsed.index.manifests, platformOfEntry);
    if (next === undefined) return undefined;
    [digest, type] = [next.digest, next.mediaType];
  }
  throw invalidParameter("indexes are nested too deep");
};

const layoutImages = async (
  context: ImageContext,
  archive: ImageArchive,
  index: string,
  platform: Platform,
): Promise<ArchivedImage[]> => {
  const parsed = parseManifest(await readSmall(context, index, "index.json"), "");
  if (parsed.kind !== "index") throw invalidParameter("invalid index.json: not an index");
  const images = new Map<string, ArchivedImage>();
  for (const entry of parsed.index.manifests.slice(0, maxImages)) {
    const image = await layoutImage(context, archive, entry, platform);
    if (image === undefined) continue;
    const known = images.get(image.config);
    if (known === undefined) images.set(image.config, image);
    else known.tags.push(...image.tags);
  }
  return [...images.values()];
};

/**
 * The images of an archive: those of its `manifest.json`, else those of its OCI layout for the platform, else those of
 * its `repositories`.
 *
 * @throws EngineError when it has neither, or what it has makes no sense; ContentError for a bad manifest.
 *
 * **Source:** Docker image specification v1.3, "Combined Image JSON + Filesystem Changeset Format"; OCI image-spec,
 * image-layout.md.
 */
export const archivedImages = async (
  context: ImageContext,
  archive: ImageArchive,
  lease: ContentLease,
  platform: Platform = hostPlatform(),
): Promise<ArchivedImage[]> => {
  const isThere = (name: string): boolean => archive.find(name) !== undefined;
  if (isThere("manifest.json")) return dockerImages(context, archive, archive.document("manifest.json"));
  if (isThere("oci-layout") && isThere("index.json"))
    return layoutImages(context, archive, archive.document("index.json"), platform);
  const readDocument = (path: string): Promise<unknown> => readJson(context, archive.document(path), path);
  return legacyImages({ context, archive, lease, readJson: readDocument });
};
