import { conflict } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Reference } from "../../oci/reference.ts";
import { unused } from "./context.ts";
import type { ImageUse } from "./context.ts";
import type { ImageRecord } from "./record.ts";
import { RemainingNames } from "./remaining-names.ts";
import type { ImageStore } from "./store.ts";

/** What removing an image will do, in order. */
export type RemovalStep =
  | { untag: Reference; imageId: string; silent: boolean }
  | { delete: string }
  /** A name stays, and means another platform's image from now on. */
  | { repoint: Reference; imageId: string };

export interface RemovalOptions {
  force: boolean;
  /** Remove parents that nothing else needs, too. */
  prune: boolean;
}

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
  readonly #users: ReadonlyMap<string, ImageUse>;
  readonly #untagged = new Set<string>();
  readonly #orphaned = new Map<string, number>();
  readonly #gone = new Set<string>();
  readonly #left = new Map<string, RemainingNames>();

  constructor(store: ImageStore, users: ReadonlyMap<string, ImageUse>) {
    this.#store = store;
    this.#users = users;
  }

  /**
   * Adds the steps that remove `image`, which the user called `name`. With a name go the images of all its platforms.
   *
   * @throws EngineError conflict, in Docker's words; then no step counts.
   */
  remove(image: Readonly<ImageRecord>, name: string, options: RemovalOptions): void {
    if (isIdPrefix(image.id, name)) return this.#removeById(image.id, options);
    const reference = parseReference(name).withDefaultTag();
    const images = this.#imagesOf(reference);
    const names = this.#namesOf(image.id);
    if (!options.force && names.isSingle)
      for (const id of images) {
        const { running, stopped, mounting } = this.#useOf(id);
        const user = running[0] ?? stopped[0] ?? mounting[0];
        if (user === undefined) continue;
        throw conflict(
          `conflict: unable to remove repository reference ${JSON.stringify(name)} (must force) - ` +
            `container ${shortId(user)} is using its referenced image ${shortId(id)}`,
        );
      }
    this.#untag(reference, image.id);
    if (reference.digest === undefined && !names.hasTagOf(reference.name))
      for (const digest of names.digests) if (digest.name === reference.name) this.#untag(digest, image.id, true);
    for (const id of images) if (this.#isNameless(id)) this.#delete(id, options, true);
  }

  /**
   * Adds the steps that remove one platform's image of those that `reference` stands for. The name stays.
   *
   * @throws EngineError conflict, in Docker's words; then no step counts.
   */
  removePlatform(reference: Reference, id: string, options: RemovalOptions): void {
    const target = this.#store.reference(reference)?.target;
    const others = (list: Iterable<Reference>): boolean =>
      [...list].some((name) => this.#store.reference(name)?.target !== target);
    const { tags, digests } = this.#namesOf(id);
    const found =
      this.#conflict(id, { references: false, stopped: !options.force }) ??
      (!options.force && (others(tags) || others(digests))
        ? say(id, false, "image is referenced in multiple repositories")
        : undefined);
    if (found !== undefined) throw conflict(found.message);
    this.#forget(id, options);
  }

  /** True when the plan deletes this image already. */
  isGone(id: string): boolean {
    return this.#gone.has(id);
  }

  #removeById(id: string, options: RemovalOptions): void {
    const own = this.#store.ownNames(id);
    const names = this.#namesOf(id);
    // The image of one platform among others of its names: they keep the others.
    if (own.tags.length + own.digests.length === 0 && names.count > 0) {
      const found = this.#conflict(id, { references: false, stopped: !options.force });
      if (found !== undefined) throw conflict(found.message);
      return this.#forget(id, options);
    }
    const images = new Set(names.inOrder().flatMap((name) => this.#imagesOf(name)));
    if (names.isSingle) {
      for (const one of new Set([id, ...images])) {
        const found = this.#conflict(one, { references: false, stopped: !options.force });
        if (found !== undefined) throw conflict(found.message);
      }
      for (const reference of names.inOrder()) this.#untag(reference, id);
    }
    this.#delete(id, options, false);
    for (const one of images) if (this.#isNameless(one)) this.#delete(one, options, true);
  }

  #delete(id: string, options: RemovalOptions, quiet: boolean): void {
    if (this.#gone.has(id)) return;
    const found = this.#conflict(id, { references: !options.force, stopped: !options.force });
    if (found !== undefined) {
      const isDangling = this.#isNameless(id) && this.#children(id) === 0;
      if (quiet && (!isDangling || found.used)) return;
      throw conflict(found.message);
    }
    for (const reference of this.#namesOf(id).inOrder()) this.#untag(reference, id);
    this.#forget(id, options);
  }

  /** Deletes an image, and its parents that nothing else needs. */
  #forget(id: string, options: RemovalOptions): void {
    this.steps.push({ delete: id });
    this.#gone.add(id);
    this.#repoint(id);
    const parent = this.#store.get(id)?.parent ?? null;
    if (parent === null) return;
    this.#orphaned.set(parent, (this.#orphaned.get(parent) ?? 0) + 1);
    if (options.prune && this.#store.get(parent) !== undefined && !this.#gone.has(parent))
      this.#delete(parent, { force: false, prune: true }, true);
  }

  /** Names that meant a deleted image and have others mean one of those, or go. */
  #repoint(id: string): void {
    const { tags, digests } = this.#store.ownNames(id);
    for (const name of [...tags, ...digests]) {
      const reference = this.#store.reference(name);
      if (this.#untagged.has(name.toString()) || reference === undefined) continue;
      const left = this.#store.platformsOf(reference).filter(({ image }) => !this.#gone.has(image.id));
      const next = this.#store.primaryOf(left);
      if (next === undefined) this.#untag(name, id);
      else this.steps.push({ repoint: name, imageId: next.image.id });
    }
  }

  #conflict(id: string, soft: { references: boolean; stopped: boolean }): Conflict | undefined {
    if (this.#children(id) > 0) return say(id, true, "image has dependent child images");
    const { running, stopped } = this.#useOf(id);
    if (running[0] !== undefined)
      return say(id, true, `image is being used by running container ${shortId(running[0])}`, true);
    if (soft.references && !this.#isNameless(id)) return say(id, false, "image is referenced in multiple repositories");
    if (soft.stopped && stopped[0] !== undefined)
      return say(id, false, `image is being used by stopped container ${shortId(stopped[0])}`, true);
    return undefined;
  }

  /** The ids of all images that a name stands for, the one first that is meant without a platform. */
  #imagesOf(name: Reference): string[] {
    const reference = this.#store.reference(name);
    if (reference === undefined) return [];
    const ids = this.#store.platformsOf(reference).map(({ image }) => image.id);
    return [...new Set([reference.imageId, ...ids])].filter((id) => !this.#gone.has(id));
  }

  #useOf(id: string): ImageUse {
    return this.#users.get(id) ?? unused;
  }

  #children(id: string): number {
    return this.#store.childCount(id) - (this.#orphaned.get(id) ?? 0);
  }

  #isNameless(id: string): boolean {
    return this.#namesOf(id).count === 0;
  }

  /** The names that lead to an image and that the plan leaves. */
  #namesOf(id: string): RemainingNames {
    const known = this.#left.get(id);
    if (known !== undefined) return known;
    const names = new RemainingNames(this.#store.namesOf(id));
    for (const reference of this.#untaggedOf(names)) names.delete(reference);
    this.#left.set(id, names);
    return names;
  }

  /** Which of an image's names the plan has removed already. */
  #untaggedOf(names: RemainingNames): Reference[] {
    return this.#untagged.size === 0 ? [] : names.inOrder().filter((one) => this.#untagged.has(one.toString()));
  }

  #untag(reference: Reference, imageId: string, silent = false): void {
    this.#untagged.add(reference.toString());
    const record = this.#store.reference(reference);
    const images = record === undefined ? [] : this.#store.platformsOf(record).map(({ image }) => image.id);
    for (const id of [imageId, record?.imageId ?? imageId, ...images]) this.#left.get(id)?.delete(reference);
    this.steps.push({ untag: reference, imageId, silent });
  }
}

interface Conflict {
  message: string;
  /** By a container. */
  used: boolean;
}

const say = (id: string, isHard: boolean, why: string, used = false): Conflict => ({
  message: `conflict: unable to delete ${shortId(id)} (${isHard ? "cannot be forced" : "must be forced"}) - ${why}`,
  used,
});
