import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { isCode } from "../../linux/error.ts";
import { findBinary } from "../../linux/process/find-binary.ts";
import { run } from "../../linux/process/run.ts";
import type { LayerWorkers } from "../../oci/layer/worker/pool.ts";

/** Most trees that one program deletes. */
const batchMax = 200;
/** How long a removal waits for others, so that one program deletes them all. */
const gatherMs = 250;
/** How long one deletion may take before it is given up until the next start. */
const deletionMaxMs = 60 * 60 * 1000;

/**
 * Where removed directories go: gone from their place at once, by a rename, and deleted later by a program of the host,
 * which costs this process neither memory nor time (by a worker thread where the host has none). What a daemon that
 * died left in it is deleted by the next one.
 */
export class Trash {
  readonly #directory: string;
  readonly #workers: LayerWorkers;
  #count = 0;
  #emptying: Promise<void> | null = null;
  #again = false;
  #gathering: NodeJS.Timeout | undefined;

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
    this.#gathering ??= setTimeout(() => this.#startEmptying(), gatherMs).unref();
    return true;
  }

  /** Resolves once everything thrown away so far is deleted. */
  async emptied(): Promise<void> {
    if (this.#gathering !== undefined) this.#startEmptying();
    await this.#emptying;
  }

  #startEmptying(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#again = true;
    // What cannot be deleted now stays for the next start; nobody waits to hear of it.
    this.#emptying ??= this.#empty().catch(() => {});
  }

  async #empty(): Promise<void> {
    // In a later turn than the one that notes that it runs.
    await Promise.resolve();
    try {
      while (this.#again) {
        this.#again = false;
        const paths = readdirSync(this.#directory).map((name) => join(this.#directory, name));
        await this.#delete(paths.slice(0, batchMax));
        // On to the next batch, unless this one could not be deleted.
        if (paths.length > batchMax && readdirSync(this.#directory).length < paths.length) this.#again = true;
      }
    } finally {
      this.#emptying = null;
    }
  }

  async #delete(paths: string[]): Promise<void> {
    const program = findBinary("rm");
    if (program === null) await this.#workers.run("remove", { paths });
    else await run([program, "-rf", "--", ...paths], { env: {}, timeoutMs: deletionMaxMs });
  }
}
