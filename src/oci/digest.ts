import { hash } from "node:crypto";
import { invalidParameter } from "../base/errors.ts";

/**
 * A content digest, `algorithm:hex`, in lower case. Plain strings: they are keys of maps and tables and go on the wire.
 * **Source:** OCI image-spec, descriptor.md#digests.
 */
export type Digest = string;

const hexDigits: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** True for a well-formed digest of an algorithm that Berth can compute. */
export const isDigest = (text: unknown): text is Digest => typeof text === "string" && problem(text) === null;

/**
 * Checks a digest that came from outside.
 *
 * @throws EngineError `invalid-parameter` with the words of Docker's digest library.
 */
export const parseDigest = (text: string): Digest => {
  const found = problem(text);
  if (found !== null) throw invalidParameter(found);
  return text;
};

const problem = (text: string): string | null => {
  const match = /^([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(text);
  if (match === null || text.length > 256) return "invalid checksum digest format";
  const digits = hexDigits[match[1] ?? ""];
  if (digits === undefined) return "unsupported digest algorithm";
  const hex = match[2] ?? "";
  if (hex.length !== digits) return "invalid checksum digest length";
  return /^[0-9a-f]+$/.test(hex) ? null : "invalid checksum digest format";
};

/** `sha256` of `sha256:abc…`. */
export const algorithmOf = (digest: Digest): string => digest.slice(0, digest.indexOf(":"));

/** The hex digits of a digest. */
export const hexOf = (digest: Digest): string => digest.slice(digest.indexOf(":") + 1);

/** SHA-256 of bytes (or of UTF-8 text) as a digest. */
export const sha256 = (data: Uint8Array | string): Digest => `sha256:${hash("sha256", data, "hex")}`;

/**
 * The chain id of a layer with `diffId` on top of the chain `parent`.
 * **Source:** OCI image-spec, config.md#layer-chainid.
 */
export const chainId = (parent: Digest | null, diffId: Digest): Digest =>
  parent === null ? diffId : sha256(`${parent} ${diffId}`);

/** The chain id of a whole list of diffIDs, bottom first; null for none (an image from scratch). */
export const chainIdOf = (diffIds: readonly Digest[]): Digest | null => diffIds.reduce<Digest | null>(chainId, null);
