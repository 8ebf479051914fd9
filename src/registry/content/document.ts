import { isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import { isIndexType, isManifestType, mediaType } from "../../oci/media-type.ts";
import type { Descriptor } from "../../wire/oci/descriptor.ts";
import { fault } from "../fault.ts";

/** What a registry must know of a manifest or index to keep it whole. */
export interface ManifestDocument {
  mediaType: string;
  kind: "manifest" | "index";
  /** Config and layers that must be there. */
  blobs: Digest[];
  /** Manifests that an index names. */
  manifests: Descriptor[];
  subject: Digest | undefined;
  /** For the list of referrers. */
  artifactType: string | undefined;
  annotations: Record<string, string> | undefined;
}

const maxDescriptors = 100_000;

const invalid = (message: string): never => {
  throw fault("MANIFEST_INVALID", { message, detail: message });
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const descriptor = (value: unknown, where: string): Descriptor => {
  if (!isObject(value)) return invalid(`${where} is not a descriptor`);
  if (!isDigest(value["digest"])) invalid(`${where} has no valid digest`);
  const { size } = value;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) invalid(`${where} has no valid size`);
  if (typeof value["mediaType"] !== "string") invalid(`${where} has no media type`);
  return value as unknown as Descriptor;
};

const list = (value: unknown, where: string): Descriptor[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > maxDescriptors) return invalid(`${where} is not a list of descriptors`);
  return value.map((entry, index) => descriptor(entry, `${where}[${index}]`));
};

/** Layers that may be had elsewhere alone. */
const isForeign = ({ mediaType: type, urls }: Descriptor): boolean =>
  /\.nondistributable\.|\.foreign\./.test(type) || (Array.isArray(urls) && urls.length > 0);

/**
 * The media type of stored bytes: the one inside, or the one that the shape tells.
 *
 * **Source:** OCI image-spec, manifest.md and image-index.md (`mediaType` should be set, and need not be).
 */
const typeOf = (document: Record<string, unknown>): string => {
  const inside = document["mediaType"];
  if (typeof inside === "string" && inside !== "") return inside;
  return document["manifests"] === undefined ? mediaType.ociManifest : mediaType.ociIndex;
};

const parse = (bytes: Uint8Array): Record<string, unknown> => {
  try {
    const document: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (isObject(document)) return document;
  } catch {
    // Said below.
  }
  return invalid("manifest is not a JSON object");
};

/**
 * Reads a manifest or index. What could be read as both kinds, or is called differently inside and outside, is refused:
 * two readers would see two images in it (CVE-2021-41190).
 *
 * @param contentType what the client called it; undefined for bytes that were stored
 * @throws RegistryFault MANIFEST_INVALID
 */
export const readManifest = (bytes: Uint8Array, contentType?: string): ManifestDocument => {
  const document = parse(bytes);
  const type = typeOf(document);
  const outside = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (document["fsLayers"] !== undefined || document["schemaVersion"] === 1) {
    return invalid("manifest schema 1 is not supported");
  }
  if (document["schemaVersion"] !== 2) invalid("unrecognized manifest schema version");
  if (outside !== undefined && outside !== "" && outside !== type && outside !== "application/json") {
    invalid(`the media type in the manifest is ${JSON.stringify(type)}, not ${JSON.stringify(outside)}`);
  }
  const artifactType = document["artifactType"];
  if (artifactType !== undefined && typeof artifactType !== "string") invalid("artifactType is not a string");
  const shared = {
    mediaType: type,
    subject: document["subject"] === undefined ? undefined : descriptor(document["subject"], "subject").digest,
    annotations: isObject(document["annotations"]) ? (document["annotations"] as Record<string, string>) : undefined,
  };
  if (isIndexType(type)) {
    if (document["config"] !== undefined || document["layers"] !== undefined)
      invalid("an index may not have config or layers");
    const manifests = list(document["manifests"], "manifests");
    return { ...shared, kind: "index", blobs: [], manifests, artifactType: artifactType as string | undefined };
  }
  if (!isManifestType(type)) return invalid(`unsupported manifest media type ${JSON.stringify(type)}`);
  if (document["manifests"] !== undefined) invalid("a manifest may not have manifests");
  const config = descriptor(document["config"], "config");
  const layers = list(document["layers"], "layers").filter((layer) => !isForeign(layer));
  return {
    ...shared,
    kind: "manifest",
    blobs: [...new Set([config.digest, ...layers.map(({ digest }) => digest)])],
    manifests: [],
    artifactType: (artifactType as string | undefined) || config.mediaType,
  };
};
