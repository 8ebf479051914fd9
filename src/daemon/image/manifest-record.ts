import { sha256 } from "../../oci/digest.ts";
import { parseManifest } from "../../oci/distribution/manifest.ts";
import type { ParsedManifest } from "../../oci/distribution/manifest.ts";
import { mediaType } from "../../oci/media-type.ts";
import type { ImageManifest } from "../../wire/oci/manifest.ts";
import type { ManifestRecord } from "./record.ts";

/** Says of a descriptor in an index what it is there for: `attestation-manifest`. **Source:** BuildKit. */
export const referenceTypeAnnotation = "vnd.docker.reference.type";
/** The digest of the manifest that an attestation is for. */
export const referenceDigestAnnotation = "vnd.docker.reference.digest";
export const attestationType = "attestation-manifest";

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

/** Whether a configuration of this media type can be an image's. */
export const isImageConfigType = (type: string): boolean => configTypes.has(type);

/** Whether a layer of this media type is an archive of files. */
export const isLayerType = (type: string): boolean =>
  type === "" || layerPrefixes.some((prefix) => type === prefix || type.startsWith(`${prefix}.`));

/** Whether a manifest is an image's, and not a plug-in's, a chart's, an attestation's. */
export const isImageManifest = ({ config, layers }: ImageManifest): boolean =>
  isImageConfigType(config.mediaType) && layers.every((layer) => isLayerType(layer.mediaType));

/** The record of a document. @param isImage its layers are in the layer store, not kept as blobs */
export const manifestRecord = (
  digest: string,
  size: number,
  parsed: ParsedManifest,
  isImage = parsed.kind === "manifest" && isImageManifest(parsed.manifest),
): ManifestRecord => {
  const document = { digest, mediaType: parsed.mediaType, size };
  if (parsed.kind === "index") return { ...document, kind: "index", manifests: parsed.index.manifests };
  const { config, layers } = parsed.manifest;
  return { ...document, kind: isImage ? "image" : "artifact", config, layers };
};

/** The record of a document of which only the bytes are known. @throws ContentError */
export const manifestRecordOf = (bytes: Uint8Array, announced = ""): ManifestRecord =>
  manifestRecord(sha256(bytes), bytes.length, parseManifest(bytes, announced));
