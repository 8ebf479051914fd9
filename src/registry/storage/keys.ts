import { algorithmOf, hexOf } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";

// The layout is docker-registry's, so that either can serve what the other has stored. Ours alone is `_referrers`.
// **Source:** distribution/distribution, registry/storage/paths.go (the comment at its top).
const top = "docker/registry/v2";

export const blobsFolder = `${top}/blobs`;
export const repositoriesFolder = `${top}/repositories`;

const hashed = (digest: Digest): string => `${algorithmOf(digest)}/${hexOf(digest)}`;

/** A blob's bytes: once in a registry, whoever pushed them. */
export const blobKey = (digest: Digest): string =>
  `${blobsFolder}/${algorithmOf(digest)}/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}/data`;

export const repositoryFolder = (repository: string): string => `${repositoriesFolder}/${repository}`;
export const layersFolder = (repository: string): string => `${repositoryFolder(repository)}/_layers`;
export const revisionsFolder = (repository: string): string => `${repositoryFolder(repository)}/_manifests/revisions`;
export const tagsFolder = (repository: string): string => `${repositoryFolder(repository)}/_manifests/tags`;

/** Says that a repository has a blob. */
export const layerKey = (repository: string, digest: Digest): string =>
  `${layersFolder(repository)}/${hashed(digest)}/link`;

/** Says that a repository has a manifest. */
export const revisionKey = (repository: string, digest: Digest): string =>
  `${revisionsFolder(repository)}/${hashed(digest)}/link`;

/** Holds the digest of a tag. */
export const tagKey = (repository: string, tag: string): string => `${tagsFolder(repository)}/${tag}/current/link`;

export const referrersFolder = (repository: string, subject: Digest): string =>
  `${repositoryFolder(repository)}/_referrers/${hashed(subject)}`;

/** Holds the descriptor of a manifest whose subject is another, which need not be there. */
export const referrerKey = (repository: string, subject: Digest, digest: Digest): string =>
  `${referrersFolder(repository, subject)}/${hashed(digest)}/link`;
