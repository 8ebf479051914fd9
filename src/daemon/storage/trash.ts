import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { isCode } from "../../linux/error.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";

/**
 * Where removed directories go: gone from their place at once, by a rename, and deleted later in a worker thread. What a
 * daemon that died left in it is deleted by the next one.
 */
export class Trash {
  readonly #directory: string;
  readonly #workers: LayerWorkers;
  #count = 0;
  #emptying: Promise<void> | null = null;
  #again = false;

  /** @param directory on the same filesystem as what is thrown away; made when it is missing. */
  constructor(directory: string, workers: LayerWorkers) {
    this.#directory = directory;
    this.#workers = workers;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (readdirSync(directory).length > 0) this.#startEmptying();
  }

  /** @returns false when there was nothing at the path. */
  throwAway(path: string): boolean {
    try {
      renameSync(path, join(this.#directory, `${process.pid}-${Date.now()}-${this.#count++}`));
    } catch (error) {
      if (isCode(error, "ENOENT")) return false;
      throw error;
    }
    this.#startEmptying();
    return true;
  }

  /** Resolves once everything thrown away so far is deleted. */
  async emptied(): Promise<void> {
    await this.#emptying;
  }

  #startEmptying(): void {
    this.#again = true;
    this.#emptying ??= this.#empty();
  }

  async #empty(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        const paths = readdirSync(this.#directory).map((name) => join(this.#directory, name));
        // What cannot be deleted now stays for the next start; nothing waits for it.
        await this.#workers.run("remove", { paths }).catch(() => {});
      }
    } finally {
      this.#emptying = null;
    }
  }
}
