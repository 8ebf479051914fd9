import type { Digest } from "../../oci/digest.ts";

/** Uses that are remembered; when there are more, all count as of now until they have aged. */
const maxRemembered = 200_000;

/**
 * When a repository's blobs were last asked about or pushed. A client that was told "we have it" sends only the
 * manifest, so a blob is not collected while somebody may still count on that answer.
 */
export class Uses {
  readonly #uses = new Map<string, number>();
  readonly #now: () => number;
  /** Nothing is known from before: everything counts as used then. */
  #since: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  note(repository: string, digest: Digest): void {
    const key = `${repository}@${digest}`;
    this.#uses.delete(key);
    if (this.#uses.size >= maxRemembered) {
      this.#uses.clear();
      this.#since = this.#now();
    }
    this.#uses.set(key, this.#now());
  }

  /** Milliseconds since the epoch. */
  last(repository: string, digest: Digest): number {
    return this.#uses.get(`${repository}@${digest}`) ?? this.#since;
  }

  /** Treats everything before as unused: for a collection that nobody can have been promised anything before. */
  forget(): void {
    this.#uses.clear();
    this.#since = 0;
  }
}
