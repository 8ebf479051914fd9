import { conflict } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Reference } from "../../oci/reference.ts";
import type { ImageUse } from "./context.ts";
import type { ImageRecord } from "./record.ts";
import type { ImageStore } from "./store.ts";

/** What removing an image will do, in order. */
export type RemovalStep = { untag: Reference; imageId: string; silent: boolean } | { delete: string };

export interface RemovalOptions {
  force: boolean;
  /** Remove parents that nothing else needs, too. */
  prune: boolean;
}

/** Whether all names are in one repository, with at most one tag. */
const isSingle = (tags: readonly Reference[], digests: readonly Reference[]): boolean => {
  const count = tags.length + digests.length;
  if (count <= 1) return count === 1;
  if (tags.length > 1) return false;
  const repositories = new Set(digests.map(({ name }) => name));
  return repositories.size === 1 && repositories.has((tags[0] ?? digests[0])?.name ?? "");
};

/** Tags and digests mixed, by their text, as Docker names them. */
const inOrder = (tags: readonly Reference[], digests: readonly Reference[]): Reference[] =>
  [...tags, ...digests].sort((a, b) => (a.toString() < b.toString() ? -1 : 1));

const isIdPrefix = (id: string, text: string): boolean => id.startsWith(text) || id.slice(7).startsWith(text);

/**
 * Plans the removal of images against a view of the store that follows the plan's own steps.
 *
 * **Source:** Docker's rules: a name is untagged; the image goes with its last name; hard conflicts (child images,
 * running containers) cannot be forced, soft ones (other names, stopped containers) can.
 */
export class Removal {
  readonly steps: RemovalStep[] = [];
  readonly #store: ImageStore;
  readonly #usedBy: (id: string) => ImageUse;
  readonly #names: ReturnType<ImageStore["names"]>;
  readonly #children: Map<string, number>;
  readonly #gone = new Set<string>();

  constructor(store: ImageStore, usedBy: (id: string) => ImageUse) {
    this.#store = store;
    this.#usedBy = usedBy;
    this.#names = store.names();
    this.#children = store.childCounts();
  }

  /**
   * Adds the steps that remove `image`, which the user called `name`.
   *
   * @throws EngineError conflict, in Docker's words; then no step counts.
   */
  remove(image: Readonly<ImageRecord>, name: string, options: RemovalOptions): void {
    if (isIdPrefix(image.id, name)) return this.#removeById(image.id, options);
    const { running, stopped, mounting } = this.#usedBy(image.id);
    const user = running[0] ?? stopped[0] ?? mounting[0];
    const { tags, digests } = this.#namesOf(image.id);
    if (!options.force && isSingle(tags, digests) && user !== undefined)
      throw conflict(
        `conflict: unable to remove repository reference ${JSON.stringify(name)} (must force) - ` +
          `container ${shortId(user)} is using its referenced image ${shortId(image.id)}`,
      );
    const reference = parseReference(name).withDefaultTag();
    this.#untag(reference, image.id);
    if (reference.digest === undefined && !this.#namesOf(image.id).tags.some((tag) => tag.name === reference.name))
      for (const digest of this.#namesOf(image.id).digests)
        if (digest.name === reference.name) this.#untag(digest, image.id, true);
    const left = this.#namesOf(image.id);
    if (left.tags.length + left.digests.length === 0) this.#delete(image.id, options, true);
  }

  /** True when the plan deletes this image already. */
  isGone(id: string): boolean {
    return this.#gone.has(id);
  }

  #removeById(id: string, options: RemovalOptions): void {
    const { tags, digests } = this.#namesOf(id);
    if (isSingle(tags, digests)) {
      const found = this.#conflict(id, { references: false, stopped: !options.force });
      if (found !== undefined) throw conflict(found.message);
      for (const reference of inOrder(tags, digests)) this.#untag(reference, id);
    }
    this.#delete(id, options, false);
  }

  #delete(id: string, options: RemovalOptions, quiet: boolean): void {
    const found = this.#conflict(id, { references: !options.force, stopped: !options.force });
    if (found !== undefined) {
      const { tags, digests } = this.#namesOf(id);
      const isDangling = tags.length + digests.length + (this.#children.get(id) ?? 0) === 0;
      if (quiet && (!isDangling || found.used)) return;
      throw conflict(found.message);
    }
    const { tags, digests } = this.#namesOf(id);
    for (const reference of inOrder(tags, digests)) this.#untag(reference, id);
    this.steps.push({ delete: id });
    this.#gone.add(id);
    const parent = this.#store.get(id)?.parent ?? null;
    if (parent === null) return;
    this.#children.set(parent, (this.#children.get(parent) ?? 1) - 1);
    if (options.prune && this.#store.get(parent) !== undefined && !this.#gone.has(parent))
      this.#delete(parent, { force: false, prune: true }, true);
  }

  #conflict(
    id: string,
    soft: { references: boolean; stopped: boolean },
  ): { message: string; used: boolean } | undefined {
    const say = (isHard: boolean, why: string, used = false): { message: string; used: boolean } => ({
      message: `conflict: unable to delete ${shortId(id)} (${isHard ? "cannot be forced" : "must be forced"}) - ${why}`,
      used,
    });
    if ((this.#children.get(id) ?? 0) > 0) return say(true, "image has dependent child images");
    const { running, stopped } = this.#usedBy(id);
    if (running[0] !== undefined)
      return say(true, `image is being used by running container ${shortId(running[0])}`, true);
    const { tags, digests } = this.#namesOf(id);
    if (soft.references && tags.length + digests.length > 0)
      return say(false, "image is referenced in multiple repositories");
    if (soft.stopped && stopped[0] !== undefined)
      return say(false, `image is being used by stopped container ${shortId(stopped[0])}`, true);
    return undefined;
  }

  #namesOf(id: string): { tags: Reference[]; digests: Reference[] } {
    return this.#names.get(id) ?? { tags: [], digests: [] };
  }

  #untag(reference: Reference, imageId: string, silent = false): void {
    this.steps.push({ untag: reference, imageId, silent });
    const names = this.#namesOf(imageId);
    const others = (list: Reference[]): Reference[] => list.filter((one) => one.toString() !== reference.toString());
    this.#names.set(imageId, { tags: others(names.tags), digests: others(names.digests) });
  }
}
