import type { Digest } from "../../oci/digest.ts";
import type { Changes } from "../content/changes.ts";

/** What a collection may not touch: what manifests need, and what was pushed since it began. */
export class Marks implements Changes {
  readonly #needed = new Set<string>();
  readonly #linked = new Set<Digest>();

  /** A repository needs these. */
  linked(repository: string, digests: readonly Digest[]): void {
    for (const digest of digests) {
      this.#needed.add(`${repository}@${digest}`);
      this.#linked.add(digest);
    }
  }

  /** Some repository has it, needed or not. */
  keep(digest: Digest): void {
    this.#linked.add(digest);
  }

  needs(repository: string, digest: Digest): boolean {
    return this.#needed.has(`${repository}@${digest}`);
  }

  isKept(digest: Digest): boolean {
    return this.#linked.has(digest);
  }
}
