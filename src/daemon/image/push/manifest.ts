import { sha256 } from "../../../oci/digest.ts";
import { parseManifest } from "../../../oci/distribution/manifest.ts";
import { ContentError } from "../../../oci/distribution/registry-error.ts";
import { mediaType } from "../../../oci/media-type.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { ImageManifest } from "../../../wire/oci/manifest.ts";
import type { ImageContext } from "../context.ts";
import type { ImageRecord } from "../record.ts";

/** A manifest as it is pushed, byte for byte. */
export interface PushManifest {
  bytes: Buffer;
  digest: string;
  mediaType: string;
  manifest: ImageManifest;
}

/** @throws ContentError when it is an index */
export const readManifest = (bytes: Buffer, announced: string): PushManifest => {
  const parsed = parseManifest(bytes, announced);
  if (parsed.kind !== "manifest") throw new ContentError("an index stands where a manifest is wanted");
  return { bytes, digest: sha256(bytes), mediaType: parsed.mediaType, manifest: parsed.manifest };
};

/**
 * The manifest that an image came with: the one that a name stands for, or that the name's index has for it; without
 * such a name, of several the last that was learnt of.
 *
 * @returns undefined for an image that was made here and never had one.
 */
export const manifestOf = async (
  { store, blobs }: ImageContext,
  record: Readonly<ImageRecord>,
  target: string | null,
): Promise<PushManifest | undefined> => {
  const named = target === null ? undefined : store.imagesOf(target).find(({ image }) => image.id === record.id)?.entry;
  for (const digest of [...(named === undefined ? [] : [named.digest]), ...record.manifests.toReversed()]) {
    if (!blobs.has(digest)) continue;
    const bytes = await blobs.read(digest);
    const parsed = parseManifest(bytes, "");
    if (parsed.kind !== "manifest" || parsed.manifest.config.digest !== record.id) continue;
    if (parsed.manifest.layers.length === record.config.rootfs.diff_ids.length)
      return readManifest(bytes, parsed.mediaType);
  }
  return undefined;
};

/** An index with other forms of its manifests, all else kept. */
export const withManifests = (before: Buffer, manifests: readonly Descriptor[]): Buffer =>
  layOut({ ...(JSON.parse(before.toString("utf8")) as object), manifests });

/** As Docker lays it out: three spaces of indentation, so that the digest is what it would be there. */
const layOut = (document: object): Buffer => Buffer.from(JSON.stringify(document, null, 3));

/** The manifest of an image that has none. */
export const newManifest = (config: { digest: string; size: number }, layers: readonly Descriptor[]): PushManifest =>
  readManifest(
    layOut({
      schemaVersion: 2,
      mediaType: mediaType.dockerManifest,
      config: { mediaType: mediaType.dockerConfig, size: config.size, digest: config.digest },
      layers: layers.map(({ mediaType: type, size, digest }) => ({ mediaType: type, size, digest })),
    }),
    mediaType.dockerManifest,
  );

/** A manifest with other forms of its layers, all else kept. */
export const withLayers = (before: PushManifest, layers: readonly Descriptor[]): PushManifest => {
  const document = JSON.parse(before.bytes.toString("utf8")) as object;
  return readManifest(layOut({ ...document, layers }), before.mediaType);
};

const foreign = new Set([
  "application/vnd.docker.image.rootfs.foreign.diff.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
]);

/** Whether a layer is one that its maker lets nobody else distribute. */
export const isForeign = ({ mediaType: type, urls }: Descriptor): boolean =>
  (urls ?? []).length > 0 || foreign.has(type) || type.startsWith("application/vnd.oci.image.layer.nondistributable.");
