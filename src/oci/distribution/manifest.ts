import type { Descriptor } from "../../wire/oci/descriptor.ts";
import type { ImageIndex, ImageManifest } from "../../wire/oci/manifest.ts";
import { isDigest } from "../digest.ts";
import { isIndexType, isManifestType, mediaType } from "../media-type.ts";
import { ContentError } from "./registry-error.ts";

/** The largest manifest or index that is read. **Source:** OCI distribution-spec, Pushing Manifests. */
export const maxManifestBytes = 4 * 1024 * 1024;
const maxLayers = 4096;
const maxIndexEntries = 8192;

export type ParsedManifest =
  | { kind: "manifest"; mediaType: string; manifest: ImageManifest }
  | { kind: "index"; mediaType: string; index: ImageIndex };

const refuse = (why: string): never => {
  throw new ContentError(why);
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const checkDescriptor = (value: unknown, what: string): Descriptor => {
  if (!isObject(value)) return refuse(`invalid manifest: ${what} is not a descriptor`);
  const { digest, size, mediaType: type } = value;
  if (typeof digest !== "string" || !isDigest(digest)) return refuse(`invalid manifest: ${what} has no valid digest`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    return refuse(`invalid manifest: ${what} has no valid size`);
  if (type !== undefined && typeof type !== "string")
    return refuse(`invalid manifest: ${what} has no valid media type`);
  return { ...(value as unknown as Descriptor), mediaType: type ?? "", digest, size };
};

const checkList = (value: unknown, what: string, most: number): Descriptor[] => {
  if (!Array.isArray(value)) return refuse(`invalid manifest: ${what} is not a list`);
  if (value.length > most) return refuse(`invalid manifest: more than ${most} ${what}`);
  return value.map((item, index) => checkDescriptor(item, `${what}[${index}]`));
};

const checkPlatform = (descriptor: Descriptor): Descriptor => {
  const { platform } = descriptor;
  if (platform === undefined || platform === null) return descriptor;
  if (!isObject(platform) || typeof platform.os !== "string" || typeof platform.architecture !== "string")
    return refuse("invalid manifest: an entry's platform has no os and architecture");
  return descriptor;
};

/** The media type of a document: what it says itself, else what it was announced as, else what its keys show. */
const typeOf = (document: Record<string, unknown>, announced: string): string => {
  const own = document["mediaType"];
  if (own !== undefined && typeof own !== "string") return refuse("invalid manifest: mediaType is not a string");
  if (own !== undefined && own !== "") {
    if ((isManifestType(announced) || isIndexType(announced)) && announced !== own)
      return refuse(`mediaType in manifest should be '${announced}' not '${own}'`);
    return own;
  }
  if (announced === mediaType.dockerManifest || announced === mediaType.dockerManifestList)
    return refuse(`mediaType in manifest should be '${announced}' not ''`);
  if (isManifestType(announced) || isIndexType(announced)) return announced;
  if (document["manifests"] !== undefined) return mediaType.ociIndex;
  return document["config"] === undefined ? "" : mediaType.ociManifest;
};

/**
 * Reads a manifest or an index and checks its shape. A document that could be read as both is refused, and so is one
 * whose own media type differs from the announced one: its digest would stand for two things.
 *
 * @param announced the `Content-Type` of the answer or the media type of the descriptor that led here; "" when unknown
 * @throws ContentError
 *
 * **Source:** OCI image-spec, manifest.md, image-index.md; GHSA-mc8v-mgrf-8f4m and GHSA-xmmx-7jpf-fx42 (ambiguity).
 */
export const parseManifest = (bytes: Uint8Array, announced: string): ParsedManifest => {
  if (bytes.length > maxManifestBytes) refuse(`manifest is larger than ${maxManifestBytes} bytes`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ContentError("invalid manifest: not JSON", { cause: error });
  }
  if (!isObject(document)) return refuse("invalid manifest: not a JSON object");
  const type = typeOf(document, announced.split(";", 1)[0]?.trim() ?? "");
  if (document["fsLayers"] !== undefined || type === mediaType.dockerSchema1 || type === mediaType.dockerSignedSchema1)
    refuse(
      "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. " +
        "Suggest the author of this image to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2.",
    );
  if (document["schemaVersion"] !== 2) refuse("invalid manifest: schemaVersion is not 2");
  if (isIndexType(type)) {
    if (document["config"] !== undefined || document["layers"] !== undefined)
      refuse(`media-type: "${type}" should not have "config", "layers", or "fsLayers"`);
    const manifests = checkList(document["manifests"], "manifests", maxIndexEntries).map(checkPlatform);
    return { kind: "index", mediaType: type, index: { ...(document as unknown as ImageIndex), manifests } };
  }
  if (!isManifestType(type)) return refuse(`unsupported media type ${type === "" ? '""' : type}`);
  if (document["manifests"] !== undefined) refuse(`media-type: "${type}" should not have "manifests" or "fsLayers"`);
  const config = checkDescriptor(document["config"], "config");
  const layers = checkList(document["layers"], "layers", maxLayers);
  return { kind: "manifest", mediaType: type, manifest: { ...(document as unknown as ImageManifest), config, layers } };
};
