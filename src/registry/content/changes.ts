import type { Digest } from "../../oci/digest.ts";

/** Hears what a repository begins to need, before it is written: a collection that runs keeps its hands off it. */
export interface Changes {
  linked(repository: string, digests: readonly Digest[]): void;
}

/** Passes changes on to those who listen at the time. */
export class ChangeFeed implements Changes {
  readonly #listeners = new Set<Changes>();

  linked(repository: string, digests: readonly Digest[]): void {
    for (const listener of this.#listeners) listener.linked(repository, digests);
  }

  /** Listens until disposed. */
  listen(listener: Changes): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
