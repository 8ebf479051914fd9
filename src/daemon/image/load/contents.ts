import { invalidParameter, systemError } from "../../../base/errors.ts";
import { isDigest } from "../../../oci/digest.ts";
import { maxManifestBytes } from "../../../oci/distribution/manifest.ts";
import type { Platform } from "../../../oci/platform.ts";
import type { ContentLease, ImageContext } from "../context.ts";
import type { LayerBlob } from "../record.ts";
import type { ArchivedFile, ImageArchive } from "./archive.ts";
import { LayoutReader } from "./layout.ts";
import type { ArchivedTarget } from "./layout.ts";
import { legacyImages } from "./legacy.ts";

const maxImages = 4096;

/** One image of an archive. */
export interface ArchivedImage {
  /** The digest of its configuration, which is a blob here. */
  config: string;
  layers: ArchivedFile[];
  tags: string[];
  /** The image id that it was built on, when the archive has that too. */
  parent: string | null;
  manifests: string[];
  /** The layers as the layout has them; the archive's digests of them are checked. */
  blobs?: LayerBlob[];
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

/** What an archive holds. */
export interface Contents {
  images: ArchivedImage[];
  /** What the entries of its layout stand for; their images are among `images`. */
  targets: ArchivedTarget[];
}

/**
 * What is in an archive: the images of its `manifest.json`, else those of its OCI layout, else those of its
 * `repositories`. Where an archive has a `manifest.json` and a layout too, indexes of the layout are heeded: they hold the
 * images of other platforms.
 *
 * @param platform of which images of an index are wanted; of all when undefined
 * @throws EngineError when it has none of them, or what it has makes no sense; ContentError for a bad manifest.
 *
 * **Source:** Docker image specification v1.3, "Combined Image JSON + Filesystem Changeset Format"; OCI image-spec,
 * image-layout.md.
 */
export const contentsOf = async (
  context: ImageContext,
  archive: ImageArchive,
  lease: ContentLease,
  platform: Platform | undefined,
): Promise<Contents> => {
  const isThere = (name: string): boolean => archive.find(name) !== undefined;
  const read = (path: string): Promise<Buffer> => readSmall(context, archive.document(path), path);
  const hasLayout = isThere("oci-layout") && isThere("index.json");
  if (isThere("manifest.json")) {
    const images = await dockerImages(context, archive, archive.document("manifest.json"));
    const targets = hasLayout ? await new LayoutReader(archive, read, platform).targets() : [];
    const indexes = targets.filter(({ documents }) => documents[0]?.kind === "index");
    return { images: [...images, ...indexes.flatMap((target) => target.images)], targets: indexes };
  }
  if (hasLayout) {
    const targets = await new LayoutReader(archive, read, platform).targets();
    return { images: targets.flatMap((target) => target.images), targets };
  }
  const readDocument = (path: string): Promise<unknown> => readJson(context, archive.document(path), path);
  return { images: await legacyImages({ context, archive, lease, readJson: readDocument }), targets: [] };
};
