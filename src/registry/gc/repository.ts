import { isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import { readManifest } from "../content/document.ts";
import type { ManifestDocument } from "../content/document.ts";
import { listTags, maxManifestBytes, referrerOf } from "../content/manifests.ts";
import { blobKey, layersFolder, referrerKey, revisionKey, revisionsFolder } from "../storage/keys.ts";
import type { Storage } from "../storage/storage.ts";
import type { CollectionOptions } from "./collect.ts";
import type { Marks } from "./marks.ts";
import { unreachable } from "./unreachable.ts";

/** The digests that links below a folder name: `<folder>/<algorithm>/<hex>/link`. */
export async function* listLinked(storage: Storage, folder: string): AsyncGenerator<Digest, void, void> {
  for await (const { name: algorithm, isFolder } of storage.list(folder)) {
    if (!isFolder) continue;
    for await (const { name: hex } of storage.list(`${folder}/${algorithm}`)) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest)) yield digest;
    }
  }
}

const readStored = async (
  storage: Storage,
  digest: Digest,
): Promise<{ document: ManifestDocument; size: number } | null> => {
  try {
    const bytes = await storage.read(blobKey(digest), maxManifestBytes);
    return bytes === null ? null : { document: readManifest(bytes), size: bytes.length };
  } catch {
    // Another registry may have stored what this one does not read (schema 1): it is kept, and needs nothing.
    return null;
  }
};

/** Marks what a repository needs, after removing the manifests that nobody can want any more. */
export const markRepository = async (options: CollectionOptions, repository: string, marks: Marks): Promise<number> => {
  const { storage, manifests, uses, now, expireMs } = options;
  const documents = new Map<Digest, ManifestDocument | null>();
  for await (const digest of listLinked(storage, revisionsFolder(repository))) {
    const stored = await readStored(storage, digest);
    documents.set(digest, stored?.document ?? null);
    await indexReferrer(storage, repository, digest, stored);
  }
  const isOld = async (digest: Digest, ageMs: number): Promise<boolean> => {
    const written = (await storage.stat(revisionKey(repository, digest)))?.modifiedMs ?? 0;
    return Math.max(written, uses.last(repository, digest)) < now() - ageMs;
  };
  const unwanted = new Set<Digest>();
  if (options.untagged) {
    const tagged = new Set<Digest>();
    for await (const tag of listTags(storage, repository)) {
      const digest = await manifests.resolve(repository, tag);
      if (digest !== null) tagged.add(digest);
    }
    for (const digest of unreachable(documents, tagged)) {
      if (await isOld(digest, options.graceMs)) unwanted.add(digest);
    }
  }
  if (expireMs !== undefined) {
    for (const digest of documents.keys()) if (await isOld(digest, expireMs)) unwanted.add(digest);
  }
  let removed = 0;
  for (const digest of unwanted) {
    await options.pins.sweep(digest, async () => {
      if (marks.needs(repository, digest)) return;
      await manifests.remove(repository, digest);
      documents.delete(digest);
      removed++;
    });
  }
  for (const [digest, document] of documents) {
    const needed = document === null ? [] : [...document.blobs, ...document.manifests.map((each) => each.digest)];
    marks.linked(repository, [digest, ...needed]);
  }
  return removed;
};

/** Manifests that another registry took have no entry in the list of referrers yet. */
const indexReferrer = async (
  storage: Storage,
  repository: string,
  digest: Digest,
  stored: { document: ManifestDocument; size: number } | null,
): Promise<void> => {
  const subject = stored?.document.subject;
  if (stored === null || subject === undefined) return;
  const key = referrerKey(repository, subject, digest);
  if ((await storage.stat(key)) !== null) return;
  await storage.write(key, Buffer.from(JSON.stringify(referrerOf(digest, stored.size, stored.document))));
};

/** Takes from a repository the blobs that none of its manifests needs and nobody has used lately. */
export const sweepRepository = async (
  options: CollectionOptions,
  repository: string,
  marks: Marks,
): Promise<number> => {
  const { storage, blobs, pins, uses, now, graceMs } = options;
  let removed = 0;
  for await (const digest of listLinked(storage, layersFolder(repository))) {
    if (marks.needs(repository, digest)) continue;
    const link = await storage.stat(`${layersFolder(repository)}/${digest.replace(":", "/")}/link`);
    const used = (): number => Math.max(link?.modifiedMs ?? 0, uses.last(repository, digest));
    const swept = await pins.sweep(digest, async () => {
      if (marks.needs(repository, digest) || used() >= now() - graceMs) return marks.keep(digest);
      await blobs.remove(repository, digest).catch(() => undefined);
      removed++;
    });
    if (!swept) marks.keep(digest);
  }
  return removed;
};
