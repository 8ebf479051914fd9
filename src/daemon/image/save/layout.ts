import { hexOf, sha256 } from "../../../oci/digest.ts";
import { mediaType } from "../../../oci/media-type.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { NamedImage } from "./names.ts";

/** A file of the archive: bytes, or a layer to be rebuilt. */
export type ArchiveFile = { path: string } & (
  | { bytes: Buffer }
  | { config: string; sizeBytes: number }
  | { chainId: string; sizeBytes: number }
);

/** A layer of an image, as it is written: uncompressed. */
export interface SavedLayer {
  diffId: string;
  chainId: string;
  /** Bytes of its tar. */
  sizeBytes: number;
}

export interface SavedImage extends NamedImage {
  layers: SavedLayer[];
  configBytes: number;
}

const blobPath = (digest: string): string => `blobs/sha256/${hexOf(digest)}`;

const layerDescriptor = ({ diffId, sizeBytes }: SavedLayer): Descriptor => ({
  mediaType: mediaType.ociLayer,
  digest: diffId,
  size: sizeBytes,
});

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const manifestOf = ({ record, layers, configBytes }: SavedImage): Buffer =>
  json({
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    config: { mediaType: mediaType.ociConfig, digest: record.id, size: configBytes },
    layers: layers.map(layerDescriptor),
  });

const indexEntries = ({ tags }: SavedImage, manifest: Buffer): Descriptor[] => {
  const entry: Descriptor = { mediaType: mediaType.ociManifest, digest: sha256(manifest), size: manifest.length };
  if (tags.length === 0) return [entry];
  return tags.map((tag) => ({
    ...entry,
    annotations: {
      "io.containerd.image.name": tag.toString(),
      "org.opencontainers.image.ref.name": tag.tag ?? "",
    },
  }));
};

const dockerItem = ({ record, tags, layers }: SavedImage, parent: string | undefined) => ({
  Config: blobPath(record.id),
  RepoTags: tags.length === 0 ? null : tags.map((tag) => tag.familiar()),
  Layers: layers.map(({ diffId }) => blobPath(diffId)),
  ...(parent === undefined ? {} : { Parent: parent }),
  LayerSources: sorted(
    layers.map(({ diffId, sizeBytes }) => [diffId, { mediaType: mediaType.ociLayer, size: sizeBytes, digest: diffId }]),
  ),
});

/** Keys in the order in which dockerd writes them. */
const sorted = <T>(entries: [string, T][]): Record<string, T> =>
  Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));

const repositories = (images: readonly SavedImage[]): Record<string, Record<string, string>> => {
  const all: Record<string, Record<string, string>> = {};
  for (const { tags, layers } of images)
    for (const tag of tags) (all[tag.familiarName] ??= {})[tag.tag ?? ""] = hexOf(layers.at(-1)?.diffId ?? "");
  return sorted(Object.entries(all).map(([name, byTag]) => [name, sorted(Object.entries(byTag))]));
};

/**
 * The files of an archive that is both what `docker load` has always read and an OCI layout; a layer or configuration
 * that several images share is there once.
 *
 * **Source:** Docker image specification v1.3; OCI image-spec, image-layout.md.
 */
export const archiveFiles = (images: readonly SavedImage[]): ArchiveFile[] => {
  const files = new Map<string, ArchiveFile>();
  const add = (file: ArchiveFile): void => void (files.has(file.path) || files.set(file.path, file));
  const ids = new Set(images.map(({ record }) => record.id));
  const index: Descriptor[] = [];
  for (const image of images) {
    for (const { diffId, chainId, sizeBytes } of image.layers) add({ path: blobPath(diffId), chainId, sizeBytes });
    add({ path: blobPath(image.record.id), config: image.record.id, sizeBytes: image.configBytes });
    const manifest = manifestOf(image);
    add({ path: blobPath(sha256(manifest)), bytes: manifest });
    index.push(...indexEntries(image, manifest));
  }
  add({
    path: "index.json",
    bytes: json({ schemaVersion: 2, mediaType: mediaType.ociIndex, manifests: index }),
  });
  const items = images.map((image) => {
    const parent = image.record.parent ?? undefined;
    return dockerItem(image, parent !== undefined && ids.has(parent) ? parent : undefined);
  });
  add({ path: "manifest.json", bytes: Buffer.from(`${JSON.stringify(items)}\n`) });
  add({ path: "oci-layout", bytes: Buffer.from('{"imageLayoutVersion": "1.0.0"}') });
  const legacy = repositories(images);
  if (Object.keys(legacy).length > 0) add({ path: "repositories", bytes: Buffer.from(`${JSON.stringify(legacy)}\n`) });
  return [...files.values()];
};
