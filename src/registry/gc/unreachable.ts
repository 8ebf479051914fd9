import type { Digest } from "../../oci/digest.ts";
import type { ManifestDocument } from "../content/document.ts";

/** What leads from a manifest to others. */
export type Leads = Pick<ManifestDocument, "manifests" | "subject">;

/**
 * Manifests of a repository that no tag, index or subject leads to. What refers to a manifest lives as long as that;
 * what refers to nothing that is here was pushed for its own sake. Chains are as long as clients make them.
 */
export const unreachable = (documents: ReadonlyMap<Digest, Leads | null>, tagged: Iterable<Digest>): Set<Digest> => {
  const referrers = new Map<Digest, Digest[]>();
  const waiting = [...tagged];
  for (const [digest, document] of documents) {
    const { subject } = document ?? {};
    if (subject === undefined) continue;
    const known = referrers.get(subject);
    if (!documents.has(subject)) waiting.push(digest);
    else if (known === undefined) referrers.set(subject, [digest]);
    else known.push(digest);
  }
  const lost = new Set(documents.keys());
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    if (!lost.delete(digest)) continue;
    for (const child of documents.get(digest)?.manifests ?? []) waiting.push(child.digest);
    for (const referrer of referrers.get(digest) ?? []) waiting.push(referrer);
  }
  return lost;
};
