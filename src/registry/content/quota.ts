import type { Digest } from "../../oci/digest.ts";

/** What may be stored; the server's own implementation is in `quota/`, without limits nothing is counted. */
export interface Quota {
  /** Whether anything is counted. */
  readonly counts: boolean;
  /**
   * Keeps room for a blob until disposed; `linked` comes before that, or never. What was reserved for it is over then.
   *
   * @throws RegistryFault DENIED when a repository or the registry would have too much with it.
   */
  admit(repository: string, digest: Digest, sizeBytes: number, reserved?: Reservation): Disposable;
  /** A repository has the blob now. */
  linked(repository: string, digest: Digest, sizeBytes: number): void;
  /** A repository has it no longer. */
  unlinked(repository: string, digest: Digest): Promise<void> | void;
  /** The blob's bytes are gone. */
  removed(digest: Digest): void;
  /** Room for bytes of an upload to a repository; none at first. */
  reserve(repository: string): Reservation;
}

/** What is on the disk of an upload, or about to be, counts as if it were stored. */
export interface Reservation extends Disposable {
  /** @throws RegistryFault DENIED when so many more would be too many. */
  check(moreBytes: number): void;
  /** Counts so many more. @throws RegistryFault DENIED when that is too many; nothing is counted then. */
  grow(moreBytes: number): void;
  /** Counts what is there, whatever the limits say. */
  set(bytes: number): void;
}

const nothing: Reservation = {
  check: () => undefined,
  grow: () => undefined,
  set: () => undefined,
  [Symbol.dispose]: () => undefined,
};

export const noQuota: Quota = {
  counts: false,
  admit: () => nothing,
  linked: () => undefined,
  unlinked: () => undefined,
  removed: () => undefined,
  reserve: () => nothing,
};
