import type { Database } from "../state/database.ts";
import { entriesOf } from "./platforms.ts";
import type { ManifestRecord } from "./record.ts";
import { referenceDigestAnnotation } from "./manifest-record.ts";
import type { ImageStore } from "./store.ts";

/**
 * The manifests and indexes that nothing needs any more: no name stands for them and no image came by them; manifests
 * of images that are gone, and what was attached to those.
 */
export const unneededManifests = (store: ImageStore): string[] => {
  const kept = new Set<string>();
  const reach = (digest: string): void => {
    const found = store.manifest(digest);
    if (found === undefined || kept.has(digest) || !isPresent(store, found)) return;
    kept.add(digest);
    if (found.kind !== "index") return;
    for (const { digest: nested } of found.manifests) if (store.manifest(nested)?.kind === "index") reach(nested);
    const artifacts = [];
    for (const entry of entriesOf(store, digest)) {
      if (store.manifest(entry.digest)?.kind === "artifact") artifacts.push(entry);
      else reach(entry.digest);
    }
    for (const { digest: artifact, annotations } of artifacts) {
      const subject = annotations?.[referenceDigestAnnotation];
      if (subject === undefined || kept.has(subject)) reach(artifact);
    }
  };
  for (const target of store.targets()) reach(target);
  for (const { manifests } of store.all()) for (const digest of manifests) reach(digest);
  return [...store.manifests()].map(({ digest }) => digest).filter((digest) => !kept.has(digest));
};

/** Forgets the manifests that nothing needs; their bytes go with the next collection. */
export const forgetManifests = (database: Database, store: ImageStore): void => {
  const unneeded = unneededManifests(store);
  if (unneeded.length === 0) return;
  database.transaction((transaction) => {
    for (const digest of unneeded) store.deleteManifest(transaction, digest);
  });
};

const isPresent = (store: ImageStore, record: Readonly<ManifestRecord>): boolean =>
  record.kind !== "image" || store.get(record.config.digest) !== undefined;

/** The blobs that a manifest needs besides its own bytes. */
export const blobsOf = (record: Readonly<ManifestRecord>): string[] =>
  record.kind === "artifact" ? [record.config.digest, ...record.layers.map(({ digest }) => digest)] : [];
