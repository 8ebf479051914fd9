import { choosePlatform, matchPlatform } from "../../oci/platform.ts";
import type { Platform } from "../../oci/platform.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import { platformOf } from "./document.ts";
import type { ImageRecord, ManifestRecord } from "./record.ts";

/** How deep indexes that are pulled or pushed may hold indexes. */
export const maxIndexDepth = 4;

/** One platform's image of a name. */
export interface PlatformImage {
  image: Readonly<ImageRecord>;
  /** The manifest's descriptor as the index has it, or made of the manifest; undefined when no manifest is known. */
  entry: Descriptor | undefined;
}

interface Documents {
  get(id: string): Readonly<ImageRecord> | undefined;
  manifest(digest: string): Readonly<ManifestRecord> | undefined;
}

/** The platform that an index says of an entry; undefined for one that it says nothing of, an attestation say. */
export const platformOfEntry = ({ platform }: Descriptor): Platform | undefined =>
  platform === undefined || platform === null || platform.os === "unknown" || platform.os === ""
    ? undefined
    : {
        os: platform.os,
        architecture: platform.architecture,
        ...(platform.variant === undefined ? {} : { variant: platform.variant }),
      };

/** What an image runs on: as its index says, else as it says itself. */
export const platformOfImage = ({ image, entry }: PlatformImage): Platform =>
  (entry === undefined ? undefined : platformOfEntry(entry)) ?? platformOf(image.config);

/**
 * Every entry of an index that is no index itself, in order, those of indexes within it in their place. An index that is
 * named several times counts once: otherwise a few small ones that name each other often would never end.
 */
export function* entriesOf(documents: Documents, target: string, seen: Set<string> = new Set()): Generator<Descriptor> {
  const found = documents.manifest(target);
  if (found?.kind !== "index" || seen.has(target)) return;
  seen.add(target);
  for (const entry of found.manifests) {
    if (documents.manifest(entry.digest)?.kind === "index") yield* entriesOf(documents, entry.digest, seen);
    else yield entry;
  }
}

/** The images that are here of an index or manifest, in the index's order, each once. */
export const imagesOfTarget = (documents: Documents, target: string): PlatformImage[] => {
  const document = documents.manifest(target);
  if (document === undefined) return [];
  const { mediaType, digest, size } = document;
  const entries = document.kind === "index" ? entriesOf(documents, target) : [{ mediaType, digest, size }];
  const images = new Map<string, PlatformImage>();
  for (const entry of entries) {
    const manifest = documents.manifest(entry.digest);
    const image = manifest?.kind === "image" ? documents.get(manifest.config.digest) : undefined;
    if (image !== undefined && !images.has(image.id)) images.set(image.id, { image, entry });
  }
  return [...images.values()];
};

/** The manifest of an image, described as an index has it; undefined when none is known. */
export const manifestOfImage = (documents: Documents, image: Readonly<ImageRecord>): Descriptor | undefined => {
  for (const digest of image.manifests) {
    const found = imagesOfTarget(documents, digest).find((one) => one.image.id === image.id);
    if (found?.entry !== undefined) return { ...found.entry, platform: found.entry.platform ?? platformOfImage(found) };
  }
  return undefined;
};

/** The image that is meant when nobody asks for a platform: what runs best on this machine, else the first. */
export const primaryOf = (images: readonly PlatformImage[], host: Platform): PlatformImage | undefined =>
  choosePlatform(host, images, platformOfImage) ?? images[0];

/** The image that runs best on a platform. A configuration that leaves its variant out matches any. */
export const imageFor = (images: readonly PlatformImage[], wanted: Platform): PlatformImage | undefined =>
  choosePlatform(wanted, images, platformOfImage) ?? images.find(({ image }) => runsOn(image, wanted));

/** The image of exactly this platform, however it is spelled. */
export const imageOfPlatform = (images: readonly PlatformImage[], wanted: Platform): PlatformImage | undefined =>
  images.find((one) => matchPlatform(wanted, platformOfImage(one)) === 0);

/** Whether an image runs on a platform. A configuration that leaves its variant out matches any. */
export const runsOn = (record: Readonly<ImageRecord>, wanted: Platform): boolean => {
  const own = platformOf(record.config);
  if (matchPlatform(wanted, own) !== null) return true;
  return own.variant === undefined && own.os === wanted.os && own.architecture === wanted.architecture;
};
