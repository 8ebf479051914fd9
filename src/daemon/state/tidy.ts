import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";

/** How long nothing must have been written before the file is made smaller. */
const quietMs = 2000;
/** What the write-ahead log, and pages that nothing is on, may take. */
const walBytesMax = 256 * 1024;
const freeBytesMax = 256 * 1024;

/**
 * Gives back what a database file no longer needs, once it is quiet: the write-ahead log keeps its greatest length, and
 * deleted records leave empty pages, for ever otherwise.
 *
 * **Source:** SQLite, "Write-Ahead Logging" and VACUUM.
 */
export class Tidy implements Disposable {
  readonly #sql: DatabaseSync;
  readonly #path: string;
  #timer: NodeJS.Timeout | undefined;
  #writes = 0;

  constructor(sql: DatabaseSync, path: string) {
    this.#sql = sql;
    this.#path = path;
  }

  /** Something was written. */
  noteWrite(): void {
    this.#writes++;
    this.#timer ??= this.#arm();
  }

  /** Makes the file smaller where that is worth it. Synchronous: some milliseconds for a file of some megabytes. */
  run(): void {
    const free = this.#pragma("freelist_count") * this.#pragma("page_size");
    const live = this.#pragma("page_count") * this.#pragma("page_size") - free;
    // Copying much to win little is left for a later time.
    if (free > freeBytesMax && free > live / 2) this.#sql.exec("VACUUM");
    if (walBytes(this.#path) > walBytesMax) this.#sql.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #arm(): NodeJS.Timeout {
    const before = this.#writes;
    return setTimeout(() => {
      if (this.#writes !== before) {
        this.#timer = this.#arm();
        return;
      }
      this.#timer = undefined;
      try {
        this.run();
      } catch {
        // A disk that is full or fails says so at the next write; nothing is lost by not tidying.
      }
    }, quietMs).unref();
  }

  #pragma(name: "freelist_count" | "page_size" | "page_count"): number {
    return Number(this.#sql.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
  }
}

const walBytes = (path: string): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
