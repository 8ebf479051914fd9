import { isDigest } from "../../oci/digest.ts";
import { isRepository, listRepositories } from "../content/catalog.ts";
import type { Blobs } from "../content/blobs.ts";
import type { ChangeFeed } from "../content/changes.ts";
import type { Manifests } from "../content/manifests.ts";
import type { Pins } from "../content/pins.ts";
import type { Quota } from "../content/quota.ts";
import type { Uses } from "../content/uses.ts";
import { blobKey, blobsFolder, repositoryFolder } from "../storage/keys.ts";
import type { Storage } from "../storage/storage.ts";
import type { Uploads } from "../upload/uploads.ts";
import { Marks } from "./marks.ts";
import { markRepository, sweepRepository } from "./repository.ts";

export interface CollectionOptions {
  storage: Storage;
  blobs: Blobs;
  manifests: Manifests;
  uploads: Uploads;
  pins: Pins;
  uses: Uses;
  changes: ChangeFeed;
  quota: Quota;
  now: () => number;
  /** What was pushed or asked about since then stays although no manifest needs it: a push may be under way. */
  graceMs: number;
  /** Remove manifests without a tag, too. */
  untagged: boolean;
  /** Manifests that nobody has asked for so long go: for caches. */
  expireMs: number | undefined;
  uploadAgeMs: number;
  signal?: AbortSignal;
}

export interface Collected {
  manifests: number;
  links: number;
  blobs: number;
  bytes: number;
  uploads: number;
}

/**
 * Removes what no manifest needs, while the registry serves and takes pushes. First everything that is needed is
 * marked, and what is pushed meanwhile marks itself; then what has no mark goes, one blob at a time, each only while no
 * push holds it.
 */
export const collect = async (options: CollectionOptions): Promise<Collected> => {
  const { storage, changes, uploads, signal } = options;
  const marks = new Marks();
  using _listening = changes.listen(marks);
  const collected: Collected = { manifests: 0, links: 0, blobs: 0, bytes: 0, uploads: 0 };
  const names: string[] = [];
  for await (const name of listRepositories(storage)) names.push(name);
  for (const name of names) {
    signal?.throwIfAborted();
    collected.manifests += await markRepository(options, name, marks);
  }
  for (const name of names) {
    signal?.throwIfAborted();
    collected.links += await sweepRepository(options, name, marks);
  }
  await sweepBlobs(options, marks, collected);
  await sweepNames(options, names);
  collected.uploads = await uploads.purge(options.uploadAgeMs);
  return collected;
};

/** Removes the bytes that no repository has. */
const sweepBlobs = async (options: CollectionOptions, marks: Marks, collected: Collected): Promise<void> => {
  const { storage, pins, quota, now, graceMs, signal } = options;
  for await (const { name: algorithm } of storage.list(blobsFolder)) {
    for await (const { name: shard } of storage.list(`${blobsFolder}/${algorithm}`)) {
      for await (const { name: hex } of storage.list(`${blobsFolder}/${algorithm}/${shard}`)) {
        const digest = `${algorithm}:${hex}`;
        if (!isDigest(digest) || marks.isKept(digest)) continue;
        signal?.throwIfAborted();
        await pins.sweep(digest, async () => {
          if (marks.isKept(digest)) return;
          const found = await storage.stat(blobKey(digest));
          // Another registry may be about to link what it has just put into the same bucket.
          if (!storage.exclusive && (found?.modifiedMs ?? 0) >= now() - graceMs) return;
          if (!(await storage.remove(blobKey(digest)))) return;
          quota.removed(digest);
          collected.blobs++;
          collected.bytes += found?.sizeBytes ?? 0;
        });
      }
    }
  }
};

/** Removes what is left of repositories without manifests and blobs (entries of referrers). */
const sweepNames = async (options: CollectionOptions, names: readonly string[]): Promise<void> => {
  const { storage } = options;
  for (const name of names) {
    if (await isRepository(storage, name)) continue;
    for (const part of ["_referrers", "_uploads"]) await storage.removeFolder(`${repositoryFolder(name)}/${part}`);
  }
};
