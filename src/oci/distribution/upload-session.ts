import type { Digest } from "../digest.ts";
import type { RegistryClient } from "./client.ts";
import { RegistryError, UnexpectedAnswerError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";
import { drain } from "./transport.ts";
import type { RegistryAnswer } from "./transport.ts";

/** A blob of another repository of the same registry, that need not be sent again. */
export interface MountSource {
  digest: Digest;
  /** The repository's path. */
  from: string;
}

/** An upload that a registry has begun: where it goes on, and how much of it is there. */
export interface UploadSession {
  location: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** Chunks must have at least so many bytes, but for the last; 0 when the registry says nothing. */
  chunkMinBytes: number;
}

const locationOf = (answer: RegistryAnswer): URL => {
  const location = answer.headers.location;
  if (location === undefined || !URL.canParse(location, answer.url))
    throw new UnexpectedAnswerError(answer.status, "the registry named no place to upload to");
  return new URL(location, answer.url);
};

/** Where an upload goes on after this answer: not every registry says it anew. */
export const nextLocation = (answer: RegistryAnswer, before: URL): URL =>
  answer.headers.location === undefined ? before : locationOf(answer);

export const withDigest = (location: URL, digest: Digest): URL => {
  const url = new URL(location);
  url.searchParams.set("digest", digest);
  return url;
};

/**
 * Begins an upload; undefined when `mount` made it needless.
 *
 * **Source:** OCI distribution-spec, "Pushing a blob in chunks", "Mounting a blob from another repository".
 */
export const beginUpload = async (
  repository: Repository,
  mount: MountSource | undefined,
  signal?: AbortSignal,
): Promise<UploadSession | undefined> => {
  const url = repository.url("blobs/uploads/");
  if (mount !== undefined) {
    url.searchParams.set("mount", mount.digest);
    url.searchParams.set("from", mount.from);
  }
  const answer = await repository.client.send({ method: "POST", url, headers: { "content-length": "0" }, signal });
  if (answer.status === 201 && mount !== undefined) return undefined;
  const least = Number(answer.headers["oci-chunk-min-length"] ?? 0);
  return {
    location: locationOf(answer),
    offset: 0,
    chunkMinBytes: Number.isSafeInteger(least) && least > 0 ? least : 0,
  };
};

/**
 * Asks how much of an upload is there; undefined when the registry cannot say, or has forgotten it.
 *
 * **Source:** OCI distribution-spec, end-13.
 */
export const askStatus = async (
  client: RegistryClient,
  session: UploadSession,
  signal?: AbortSignal,
): Promise<UploadSession | undefined> => {
  try {
    const answer = await client.send({ method: "GET", url: session.location, signal });
    await drain(answer.body);
    const end = /^(?:bytes=)?0-(\d+)$/.exec(String(answer.headers["range"] ?? ""))?.[1];
    // `0-0` is one byte, or none: registries differ.
    if (end === undefined || end === "0") return undefined;
    return { ...session, location: nextLocation(answer, session.location), offset: Number(end) + 1 };
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error instanceof RegistryError || error instanceof UnexpectedAnswerError) return undefined;
    throw error;
  }
};

/** Lets a registry forget an upload; when that fails it forgets by itself, some day. */
export const cancelUpload = async (client: RegistryClient, session: UploadSession): Promise<void> => {
  const signal = AbortSignal.timeout(cancelTimeoutMs);
  try {
    await client.send({ method: "DELETE", url: session.location, signal }, [400, 404, 405]);
  } catch {
    // Nothing is lost by it here.
  }
};

const cancelTimeoutMs = 5_000;
