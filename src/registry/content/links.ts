import { isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Storage } from "../storage/storage.ts";
import { Lru } from "./lru.ts";

const maxLinkBytes = 1024;
/** Links that are remembered; a key and a digest take some 400 bytes. */
const maxRemembered = 20_000;

/**
 * The small objects that say what a repository has: each holds a digest. Where this process alone writes they are read
 * once and remembered, absent ones too.
 */
export class Links {
  readonly #storage: Storage;
  readonly #remembered = new Lru<string, Digest | null>(maxRemembered);
  /** Counts changes: what was read while one happened is not remembered. */
  #changes = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The digest in a link that is remembered; undefined when it must be read. */
  known(key: string): Digest | null | undefined {
    return this.#remembered.get(key);
  }

  async read(key: string): Promise<Digest | null> {
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const before = this.#changes;
    const text = (await this.#storage.read(key, maxLinkBytes))?.toString("utf8").trim();
    const digest = isDigest(text) ? text : null;
    if (this.#storage.exclusive && before === this.#changes) this.#remembered.set(key, digest);
    return digest;
  }

  async write(key: string, digest: Digest): Promise<void> {
    await this.#change(key, () => this.#storage.write(key, Buffer.from(digest)));
  }

  /** @returns false when there was none. */
  async remove(key: string): Promise<boolean> {
    return this.#change(key, () => this.#storage.remove(key));
  }

  async #change<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.#changes++;
    try {
      return await work();
    } finally {
      this.#changes++;
      this.#remembered.delete(key);
    }
  }
}
