import type { Reference } from "../../oci/reference.ts";
import type { ImageNames } from "./names.ts";

/** The names of one image that a plan has not removed yet; taking one away costs the same however many there are. */
export class RemainingNames {
  readonly #tags: Map<string, Reference>;
  readonly #digests: Map<string, Reference>;
  /** How many tags each repository has. */
  readonly #tagsOf = new Map<string, number>();

  constructor({ tags, digests }: ImageNames) {
    this.#tags = new Map(tags.map((tag) => [tag.toString(), tag]));
    this.#digests = new Map(digests.map((digest) => [digest.toString(), digest]));
    for (const { name } of tags) this.#tagsOf.set(name, (this.#tagsOf.get(name) ?? 0) + 1);
  }

  get count(): number {
    return this.#tags.size + this.#digests.size;
  }

  get tags(): Iterable<Reference> {
    return this.#tags.values();
  }

  get digests(): Iterable<Reference> {
    return this.#digests.values();
  }

  /** Tags and digests mixed, by their text, as Docker names them. */
  inOrder(): Reference[] {
    return [...this.#tags.values(), ...this.#digests.values()].sort((a, b) => (a.toString() < b.toString() ? -1 : 1));
  }

  /** Whether a repository has a tag among them. */
  hasTagOf(repository: string): boolean {
    return this.#tagsOf.has(repository);
  }

  /** Whether all are in one repository, with at most one tag. */
  get isSingle(): boolean {
    if (this.count <= 1) return this.count === 1;
    if (this.#tags.size > 1) return false;
    const repositories = new Set([...this.#digests.values()].map(({ name }) => name));
    const [tag] = this.#tags.values();
    return repositories.size === 1 && (tag === undefined || repositories.has(tag.name));
  }

  delete(reference: Reference): void {
    const key = reference.toString();
    this.#digests.delete(key);
    if (!this.#tags.delete(key)) return;
    const left = (this.#tagsOf.get(reference.name) ?? 1) - 1;
    if (left === 0) this.#tagsOf.delete(reference.name);
    else this.#tagsOf.set(reference.name, left);
  }
}
