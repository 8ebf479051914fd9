import { hexOf, sha256 } from "../../../oci/digest.ts";
import { mediaType } from "../../../oci/media-type.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { Reference } from "../../../oci/reference.ts";
import { platformOf } from "../document.ts";
import { referenceDigestAnnotation } from "../manifest-record.ts";
import type { NamedImage, NamedIndex } from "./names.ts";

/** A file of the archive: bytes, or a layer to be rebuilt. */
export type ArchiveFile = { path: string } & (
  | { bytes: Buffer }
  | { blob: string; sizeBytes: number }
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

/** An index as it is written: of the images as they are written, so another one than they came with. */
export interface SavedIndex {
  images: { saved: SavedImage; entry: Descriptor | undefined }[];
  artifacts: NamedIndex["artifacts"];
  tags: Reference[];
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

const descriptorOf = (bytes: Buffer, type: string): Descriptor => ({
  mediaType: type,
  digest: sha256(bytes),
  size: bytes.length,
});

/** The entries of `index.json` for a manifest or index: one for each tag. */
const topEntries = (entry: Descriptor, tags: readonly Reference[]): Descriptor[] => {
  if (tags.length === 0) return [entry];
  return tags.map((tag) => ({
    ...entry,
    annotations: {
      "io.containerd.image.name": tag.toString(),
      "org.opencontainers.image.ref.name": tag.tag ?? "",
    },
  }));
};

/** An index of manifests as they are written. What is attached to one of them says so by its digest of now. */
const indexOf = ({ images, artifacts }: SavedIndex): Buffer => {
  const digests = new Map<string, string>();
  const manifests = images.map(({ saved, entry }) => {
    const descriptor = descriptorOf(manifestOf(saved), mediaType.ociManifest);
    if (entry !== undefined) digests.set(entry.digest, descriptor.digest);
    return { ...descriptor, platform: entry?.platform ?? platformOf(saved.record.config) };
  });
  const attached = artifacts.map(({ entry }) => {
    const subject = entry.annotations?.[referenceDigestAnnotation];
    const digest = subject === undefined ? undefined : digests.get(subject);
    if (digest === undefined) return entry;
    return { ...entry, annotations: { ...entry.annotations, [referenceDigestAnnotation]: digest } };
  });
  return json({ schemaVersion: 2, mediaType: mediaType.ociIndex, manifests: [...manifests, ...attached] });
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
export const archiveFiles = (images: readonly SavedImage[], indexes: readonly SavedIndex[] = []): ArchiveFile[] => {
  const files = new Map<string, ArchiveFile>();
  const add = (file: ArchiveFile): void => void (files.has(file.path) || files.set(file.path, file));
  const ids = new Set(images.map(({ record }) => record.id));
  const entries: Descriptor[] = [];
  const addImage = (image: SavedImage): Descriptor => {
    for (const { diffId, chainId, sizeBytes } of image.layers) add({ path: blobPath(diffId), chainId, sizeBytes });
    add({ path: blobPath(image.record.id), blob: image.record.id, sizeBytes: image.configBytes });
    const manifest = manifestOf(image);
    add({ path: blobPath(sha256(manifest)), bytes: manifest });
    return descriptorOf(manifest, mediaType.ociManifest);
  };
  const ofIndexes = new Set(indexes.flatMap(({ tags }) => tags.map((tag) => tag.toString())));
  for (const image of images) {
    const own = image.tags.filter((tag) => !ofIndexes.has(tag.toString()));
    const entry = addImage(image);
    if (own.length > 0 || image.tags.length === 0) entries.push(...topEntries(entry, own));
  }
  for (const index of indexes) {
    for (const { saved } of index.images) addImage(saved);
    for (const { record } of index.artifacts)
      for (const { digest, size } of [...record.layers, record.config, record])
        add({ path: blobPath(digest), blob: digest, sizeBytes: size });
    const bytes = indexOf(index);
    add({ path: blobPath(sha256(bytes)), bytes });
    entries.push(...topEntries(descriptorOf(bytes, mediaType.ociIndex), index.tags));
  }
  add({
    path: "index.json",
    bytes: json({ schemaVersion: 2, mediaType: mediaType.ociIndex, manifests: entries }),
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
