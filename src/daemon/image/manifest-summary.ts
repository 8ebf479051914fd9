import type { ImageManifestSummary } from "../../wire/engine/image.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import { unused } from "./context.ts";
import type { ImageContext } from "./context.ts";
import { imageSize } from "./inspect.ts";
import { attestationType, referenceDigestAnnotation, referenceTypeAnnotation } from "./manifest-record.ts";
import { entriesOf, platformOfEntry, platformOfImage } from "./platforms.ts";
import type { ManifestRecord } from "./record.ts";
import type { ImageStore } from "./store.ts";

/** A document's descriptor; undefined when it is not here. */
export const descriptorOf = (store: ImageStore, digest: string): Descriptor | undefined => {
  const found = store.manifest(digest);
  return found === undefined ? undefined : { mediaType: found.mediaType, digest, size: found.size };
};

/** Bytes of a blob that is here; 0 for one that is not. */
const sizeOf = ({ blobs }: ImageContext, digest: string): number => (blobs.has(digest) ? blobs.size(digest) : 0);

const isAttestation = ({ annotations }: Descriptor): boolean =>
  annotations?.[referenceTypeAnnotation] === attestationType;

/** Bytes of a manifest and of what it names, as far as they are kept as blobs. A layer that is unpacked counts there. */
const contentSize = (context: ImageContext, manifest: Readonly<ManifestRecord> | undefined): number => {
  if (manifest === undefined) return 0;
  if (manifest.kind === "index") return manifest.size;
  const digests = new Set([manifest.config, ...manifest.layers].map(({ digest }) => digest));
  return [...digests].reduce((sum, digest) => sum + sizeOf(context, digest), manifest.size);
};

/** Whether a manifest is here with everything that it names, as blobs. */
const isKept = ({ blobs }: ImageContext, manifest: Readonly<ManifestRecord> | undefined): boolean =>
  manifest?.kind === "artifact" && [manifest.config, ...manifest.layers].every(({ digest }) => blobs.has(digest));

type Users = ReturnType<ImageContext["users"]>;

const summarizeImage = (context: ImageContext, entry: Descriptor, users: Users): Partial<ImageManifestSummary> => {
  const { store } = context;
  const manifest = store.manifest(entry.digest);
  const image = manifest?.kind === "image" ? store.get(manifest.config.digest) : undefined;
  const content = contentSize(context, manifest);
  const offered = entry.platform ?? undefined;
  if (image === undefined)
    return {
      Available: isKept(context, manifest),
      Size: { Total: content, Content: content },
      ImageData: { Platform: offered ?? null, Containers: [], Size: { Unpacked: 0 } },
    };
  const chain = store.chainOf(image);
  const unpacked = imageSize(context, chain);
  const { running, stopped } = users.get(image.id) ?? unused;
  return {
    Available: chain.every((chainId) => context.layers.get(chainId) !== undefined),
    Size: { Total: content + unpacked, Content: content },
    ImageData: {
      Platform: offered ?? platformOfImage({ image, entry }),
      Containers: [...running, ...stopped],
      Size: { Unpacked: unpacked },
    },
  };
};

const summarizeOther = (context: ImageContext, entry: Descriptor): Partial<ImageManifestSummary> => {
  const manifest = context.store.manifest(entry.digest);
  const content = contentSize(context, manifest);
  return {
    Available: isKept(context, manifest),
    Size: { Total: content, Content: content },
    ...(isAttestation(entry) ? { AttestationData: { For: entry.annotations?.[referenceDigestAnnotation] ?? "" } } : {}),
  };
};

const kindOf = (store: ImageStore, entry: Descriptor): NonNullable<ImageManifestSummary["Kind"]> => {
  if (isAttestation(entry)) return "attestation";
  if (store.manifest(entry.digest)?.kind === "image") return "image";
  return platformOfEntry(entry) === undefined ? "unknown" : "image";
};

const summarizeEntry = (context: ImageContext, entry: Descriptor, users: Users): ImageManifestSummary => {
  const Kind = kindOf(context.store, entry);
  const summary = Kind === "image" ? summarizeImage(context, entry, users) : summarizeOther(context, entry);
  return { ID: entry.digest, Descriptor: entry, Available: false, ...summary, Kind };
};

/**
 * The manifests of an index, here or not, or the one manifest that a name stands for; none when it is not known.
 *
 * **Source:** Engine API, ImageManifestSummary.
 */
export const summarizeManifests = (
  context: ImageContext,
  target: string | null,
  users: Users = context.users(),
): ImageManifestSummary[] => {
  const { store } = context;
  const own = target === null ? undefined : descriptorOf(store, target);
  if (target === null || own === undefined) return [];
  const entries = store.manifest(target)?.kind === "index" ? entriesOf(store, target) : [own];
  return [...entries].map((entry) => summarizeEntry(context, entry, users));
};
