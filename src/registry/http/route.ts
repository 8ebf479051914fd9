import { isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import { fault } from "../fault.ts";
import { checkRepositoryName, isTag } from "../name.ts";

/** What a path of the distribution API names. */
export type Route =
  | { kind: "base" }
  | { kind: "catalog" }
  | { kind: "tags"; repository: string }
  | { kind: "blob"; repository: string; digest: Digest }
  | { kind: "uploads"; repository: string }
  | { kind: "upload"; repository: string; id: string }
  | { kind: "manifest"; repository: string; reference: string }
  | { kind: "referrers"; repository: string; digest: Digest };

const prefix = "/v2/";
const maxShownCharacters = 256;

const decode = (path: string): string => {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw fault("NAME_INVALID");
  }
};

/** @throws RegistryFault DIGEST_INVALID */
export const checkDigest = (text: string): Digest => {
  if (isDigest(text)) return text;
  const shown = String(text).slice(0, maxShownCharacters);
  throw fault("DIGEST_INVALID", { message: "invalid checksum digest format", detail: shown });
};

/**
 * Reads a path; null when it names nothing of the API. What stands last decides, since the names of repositories may
 * have `blobs` or `manifests` in them.
 *
 * @throws RegistryFault NAME_INVALID, DIGEST_INVALID
 */
export const readRoute = (encoded: string): Route | null => {
  if (encoded === "/v2" || encoded === prefix) return { kind: "base" };
  if (!encoded.startsWith(prefix)) return null;
  const path = decode(encoded.slice(prefix.length));
  if (path === "_catalog") return { kind: "catalog" };
  const parts = path.split("/");
  const [third = "", second = "", last = ""] = [parts.at(-3), parts.at(-2), parts.at(-1)];
  const named = (count: number): string => checkRepositoryName(parts.slice(0, -count).join("/"));
  if (third === "blobs" && second === "uploads") {
    const repository = named(3);
    return last === "" ? { kind: "uploads", repository } : { kind: "upload", repository, id: last };
  }
  if (second === "blobs" && last === "uploads") return { kind: "uploads", repository: named(2) };
  if (second === "blobs") return { kind: "blob", repository: named(2), digest: checkDigest(last) };
  if (second === "tags" && last === "list") return { kind: "tags", repository: named(2) };
  if (second === "referrers") return { kind: "referrers", repository: named(2), digest: checkDigest(last) };
  if (second !== "manifests") return null;
  const repository = named(2);
  if (!isTag(last)) checkDigest(last);
  return { kind: "manifest", repository, reference: last };
};
