import { ContentMismatch } from "../../oci/blob/verify.ts";
import { ContentError } from "../../oci/distribution/registry-error.ts";
import type { ImageContext } from "./context.ts";
import { manifestRecordOf } from "./manifest-record.ts";
import type { ManifestRecord } from "./record.ts";

/**
 * Gives records to the manifests that are here as bytes alone, as versions before the second schema kept them and archives
 * bring them, and to tags what they stand for. Does nothing once that is done.
 */
export const adoptDocuments = async (context: ImageContext): Promise<void> => {
  const { store, database } = context;
  const unread = new Set([...store.all()].flatMap(({ manifests }) => manifests));
  const records: ManifestRecord[] = [];
  for (const digest of unread) {
    if (store.manifest(digest) !== undefined || !context.blobs.has(digest)) continue;
    const record = await readRecord(context, digest);
    if (record !== undefined) records.push(record);
  }
  if (records.length === 0) return;
  database.transaction((transaction) => {
    for (const record of records) store.putManifest(transaction, record);
  });
  database.transaction((transaction) => {
    for (const [name, imageId] of store.references()) {
      if (name.digest !== undefined || store.reference(name)?.target !== null) continue;
      // Of several digests of one repository nobody knows any more which was the tag's.
      const [digest, ...others] = store.ownNames(imageId).digests.filter((known) => known.name === name.name);
      if (digest?.digest === undefined || others.length > 0 || store.manifest(digest.digest) === undefined) continue;
      store.putReference(transaction, name, imageId, digest.digest);
    }
  });
};

/** Undefined for a document that was damaged: its image is as good as before, it only cannot be told of. */
const readRecord = async (context: ImageContext, digest: string): Promise<ManifestRecord | undefined> => {
  try {
    return manifestRecordOf(await context.blobs.read(digest));
  } catch (error) {
    if (error instanceof ContentError || error instanceof ContentMismatch) return undefined;
    throw error;
  }
};
