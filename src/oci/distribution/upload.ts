import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { Digest } from "../digest.ts";
import { ContentError, UnexpectedAnswerError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";
import type { RegistryAnswer } from "./transport.ts";

/** A blob of another repository of the same registry, that need not be sent again. */
export interface MountSource {
  digest: Digest;
  /** The repository's path. */
  from: string;
}

const locationOf = (answer: RegistryAnswer): URL => {
  const location = answer.headers.location;
  if (location === undefined || !URL.canParse(location, answer.url))
    throw new UnexpectedAnswerError(answer.status, "the registry named no place to upload to");
  return new URL(location, answer.url);
};

const withDigest = (location: URL, digest: Digest): URL => {
  const url = new URL(location);
  url.searchParams.set("digest", digest);
  return url;
};

/** Begins an upload; undefined when `mount` made it needless. */
export const beginUpload = async (
  repository: Repository,
  mount: MountSource | undefined,
  signal?: AbortSignal,
): Promise<URL | undefined> => {
  const url = repository.url("blobs/uploads/");
  if (mount !== undefined) {
    url.searchParams.set("mount", mount.digest);
    url.searchParams.set("from", mount.from);
  }
  const answer = await repository.client.send({ method: "POST", url, headers: { "content-length": "0" }, signal });
  answer.body.resume();
  return answer.status === 201 ? undefined : locationOf(answer);
};

/** Sends bytes whose digest is known, in one request. */
export const uploadBytes = async (
  repository: Repository,
  digest: Digest,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<void> => {
  const location = await beginUpload(repository, undefined, signal);
  if (location === undefined) return;
  const headers = { "content-type": "application/octet-stream", "content-length": String(bytes.length) };
  const url = withDigest(location, digest);
  const answer = await repository.client.send({ method: "PUT", url, headers, body: bytes, signal });
  answer.body.resume();
};

/**
 * Sends a stream to where an upload was begun, and computes its digest on the way. A failed one cannot be taken up
 * again: begin a new upload with a new stream.
 *
 * **Source:** OCI distribution-spec, "Pushing a blob in chunks", with one chunk of unknown length.
 */
export const uploadStream = async (
  repository: Repository,
  location: URL,
  source: AsyncIterable<Buffer>,
  signal?: AbortSignal,
): Promise<{ digest: Digest; size: number }> => {
  const hash = createHash("sha256");
  let size = 0;
  const body = Readable.from(
    (async function* () {
      for await (const chunk of source) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    })(),
    { objectMode: false },
  );
  try {
    const headers = { "content-type": "application/octet-stream" };
    const sent = await repository.client.send({ method: "PATCH", url: location, headers, body, signal });
    sent.body.resume();
    const digest = `sha256:${hash.digest("hex")}`;
    const url = withDigest(locationOf(sent), digest);
    const closed = { "content-length": "0" };
    const answer = await repository.client.send({ method: "PUT", url, headers: closed, signal });
    answer.body.resume();
    return { digest, size };
  } finally {
    body.destroy();
  }
};

/**
 * Puts a manifest at a tag.
 *
 * @throws ContentError when the registry says it has stored something else.
 */
export const putManifest = async (
  repository: Repository,
  tag: string,
  manifest: { bytes: Uint8Array; digest: Digest; mediaType: string },
  signal?: AbortSignal,
): Promise<void> => {
  const { bytes, digest, mediaType } = manifest;
  const headers = { "content-type": mediaType, "content-length": String(bytes.length) };
  const url = repository.url(`manifests/${tag}`);
  const answer = await repository.client.send({ method: "PUT", url, headers, body: bytes, signal });
  answer.body.resume();
  const stored = answer.headers["docker-content-digest"];
  if (typeof stored === "string" && stored !== "" && stored !== digest)
    throw new ContentError(`the registry stored ${stored} where ${digest} was sent`);
};
