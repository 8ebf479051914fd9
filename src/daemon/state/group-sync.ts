import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Brings what was written to a file to the disk, off the event loop. Calls that come while a sync is under way share the
 * next one, so that many changes cost one.
 */
export class GroupSync {
  readonly #path: string;
  #file: Promise<FileHandle> | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param path of a file that stays the same one until it is closed */
  constructor(path: string) {
    this.#path = path;
  }

  /** Fulfilled once everything written before the call survives a loss of power. @throws system errors */
  synced(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    // What runs may have begun before the last write.
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#begin();
      });
    return this.#next;
  }

  /** Closes the file when what runs is done. */
  async close(): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => {});
    await this.#file?.then((file) => file.close()).catch(() => {});
  }

  #begin(): Promise<void> {
    this.#file ??= openDurably(this.#path).catch((error: unknown) => {
      // Descriptors may be short just now: the next one tries again.
      this.#file = undefined;
      throw error;
    });
    const running = this.#file.then((file) => file.datasync());
    const done = (): void => {
      if (this.#running === running) this.#running = undefined;
    };
    this.#running = running;
    running.catch(() => {}).finally(done);
    return running;
  }
}

/** Opens a file whose name may be as new as its bytes. */
const openDurably = async (path: string): Promise<FileHandle> => {
  await using folder = await open(dirname(path), "r");
  await folder.sync();
  return await open(path, "r+");
};
