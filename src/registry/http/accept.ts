import { mediaType } from "../../oci/media-type.ts";

const isGeneral = (type: string): boolean => type === "*/*" || type === "application/*";

/** The media types of an `Accept` header; null when anything will do. */
export const readAccept = (header: string | undefined): ReadonlySet<string> | null => {
  if (header === undefined || header.trim() === "") return null;
  const types = header.split(",").map((entry) => entry.split(";", 1)[0]?.trim().toLowerCase() ?? "");
  return types.some(isGeneral) ? null : new Set(types);
};

/**
 * Why a client cannot be given a manifest of this type; undefined when it can. Docker's own manifest goes to everyone,
 * as docker-registry gives it to clients from before there was another.
 *
 * **Source:** distribution/distribution, registry/handlers/manifests.go (GetManifest).
 */
export const refusal = (type: string, accept: ReadonlySet<string> | null): string | undefined => {
  if (accept === null || accept.has(type)) return undefined;
  if (type === mediaType.ociManifest) return "OCI manifest found, but accept header does not support OCI manifests";
  if (type === mediaType.ociIndex) return "OCI index found, but accept header does not support OCI indexes";
  return undefined;
};

/** True when a client that knows no manifest lists asks for one by its tag: it gets one platform's manifest. */
export const wantsPlatform = (type: string, accept: ReadonlySet<string> | null): boolean =>
  type === mediaType.dockerManifestList && accept !== null && !accept.has(type);
