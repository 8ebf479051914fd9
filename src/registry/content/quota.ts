import type { Digest } from "../../oci/digest.ts";

/** What may be stored; the server's own implementation is in `quota/`, without limits nothing is counted. */
export interface Quota {
  /**
   * Keeps room for a blob until disposed; `linked` comes before that, or never.
   *
   * @throws RegistryFault DENIED when a repository or the registry would have too much with it.
   */
  admit(repository: string, digest: Digest, sizeBytes: number): Disposable;
  /** A repository has the blob now. */
  linked(repository: string, digest: Digest, sizeBytes: number): void;
  /** A repository has it no longer. */
  unlinked(repository: string, digest: Digest): Promise<void> | void;
  /** The blob's bytes are gone. */
  removed(digest: Digest): void;
  /** The most bytes that an upload to a repository may have now. */
  leftBytes(repository: string): number;
}

const nothing: Disposable = { [Symbol.dispose]: () => undefined };

export const noQuota: Quota = {
  admit: () => nothing,
  linked: () => undefined,
  unlinked: () => undefined,
  removed: () => undefined,
  leftBytes: () => Number.MAX_SAFE_INTEGER,
};
