import { shortId } from "../../../base/ids.ts";
import { systemError } from "../../../base/errors.ts";
import { sha256 } from "../../../oci/digest.ts";
import { putManifest } from "../../../oci/distribution/upload.ts";
import type { Descriptor } from "../../../wire/oci/descriptor.ts";
import type { ContentLease } from "../context.ts";
import { manifestRecordOf } from "../manifest-record.ts";
import { maxIndexDepth } from "../platforms.ts";
import type { ArtifactRecord, ManifestRecord } from "../record.ts";
import type { ImageStore } from "../store.ts";
import { pushBlob } from "./blob.ts";
import { pushImage } from "./image.ts";
import type { PushedDocument } from "./image.ts";
import { sourcesOf } from "./knowledge.ts";
import { readManifest, withManifests } from "./manifest.ts";
import type { PushTarget } from "./target.ts";

/** Whether an index is here with every manifest that it names, and what those need. */
export const isWholeIndex = (store: ImageStore, digest: string): boolean =>
  store.manifest(digest)?.kind === "index" && isHere(store, digest, 0, new Set());

/** What was looked at is not looked at again: indexes may name each other thousands of times. */
const isHere = (store: ImageStore, digest: string, depth: number, seen: Set<string>): boolean => {
  if (seen.has(digest)) return true;
  seen.add(digest);
  const found = store.manifest(digest);
  if (found === undefined || depth > maxIndexDepth) return false;
  if (found.kind === "image") return store.get(found.config.digest) !== undefined;
  return found.kind === "artifact" || found.manifests.every((entry) => isHere(store, entry.digest, depth + 1, seen));
};

export interface TreeOptions {
  /** What it is called there: a tag; null for its digest. */
  name: string | null;
  lease: ContentLease;
  /** What has been pushed so far, by the digest that it has here: an index may name it several times. */
  done?: Map<string, PushedDocument>;
}

/**
 * Pushes a manifest, or an index with every manifest that it names, those first. They are the same there byte for byte,
 * unless a layer had to be compressed anew: then its manifest and the indexes above it are others, which is said.
 *
 * @throws EngineError system when something that it names is not here.
 */
export const pushManifestTree = async (
  target: PushTarget,
  digest: string,
  options: TreeOptions,
  depth = 0,
): Promise<PushedDocument> => {
  const { context } = target;
  const found = context.store.manifest(digest);
  if (found === undefined || depth > maxIndexDepth) throw systemError(`content digest ${digest}: not found`);
  options.lease.add("blob", digest);
  const bytes = await context.blobs.read(digest);
  if (found.kind === "index") return pushIndex(target, { found, bytes }, options, depth);
  if (found.kind === "artifact") return pushArtifact(target, { found, bytes }, options);
  const record = context.store.get(found.config.digest);
  if (record === undefined) throw systemError(`content digest ${found.config.digest}: not found`);
  return pushImage(target, record, readManifest(bytes, found.mediaType), options);
};

const pushIndex = async (
  target: PushTarget,
  { found, bytes }: { found: Readonly<ManifestRecord & { kind: "index" }>; bytes: Buffer },
  options: TreeOptions,
  depth: number,
): Promise<PushedDocument> => {
  const { context, repository, signal } = target;
  const entries: Descriptor[] = [];
  const done = options.done ?? new Map<string, PushedDocument>();
  for (const entry of found.manifests) {
    const pushed =
      done.get(entry.digest) ??
      (await pushManifestTree(target, entry.digest, { ...options, name: null, done }, depth + 1));
    done.set(entry.digest, pushed);
    entries.push({ ...entry, digest: pushed.digest, size: pushed.bytes.length });
  }
  const isSame = entries.every(({ digest }, at) => digest === found.manifests[at]?.digest);
  const own = isSame ? bytes : withManifests(bytes, entries);
  const document = { bytes: own, digest: sha256(own), mediaType: found.mediaType };
  await putManifest(repository, options.name ?? document.digest, document, signal);
  if (isSame) return document;
  options.lease.add("blob", document.digest);
  await context.blobs.ingest(document.digest, own, { maxBytes: own.length });
  context.database.transaction((transaction) => {
    context.store.putManifest(transaction, manifestRecordOf(own, found.mediaType));
  });
  return document;
};

/** Pushes a manifest whose parts are blobs here, an attestation say. */
const pushArtifact = async (
  target: PushTarget,
  { found, bytes }: { found: Readonly<ArtifactRecord>; bytes: Buffer },
  options: TreeOptions,
): Promise<PushedDocument> => {
  const { context, knowledge, repository, signal } = target;
  for (const descriptor of new Map([found.config, ...found.layers].map((one) => [one.digest, one])).values()) {
    options.lease.add("blob", descriptor.digest);
    const places = sourcesOf(context, knowledge, descriptor.digest, undefined);
    const id = shortId(descriptor.digest);
    const outcome = await pushBlob(target, { id, descriptor, layer: null, places });
    if (!outcome.pushed) throw systemError(`content digest ${descriptor.digest}: not found: ${outcome.why}`);
  }
  const document = { bytes, digest: found.digest, mediaType: found.mediaType };
  await putManifest(repository, options.name ?? document.digest, document, signal);
  return document;
};
