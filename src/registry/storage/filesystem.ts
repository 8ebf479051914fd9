import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readdir, rename, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Entry, ObjectStat, Storage, StoredObject } from "./storage.ts";

/** What is read from a file and sent at once. */
const pieceBytes = 1024 * 1024;
/** How often an object is put anew when its folder is emptied and removed at the same moment. */
const maxAttempts = 100;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | null)?.code;
const isMissing = (error: unknown): boolean => codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";

const orMissing = async <T, M>(work: Promise<T>, missing: M): Promise<T | M> => {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return missing;
    throw error;
  }
};

/** A file, read ahead by one piece into two buffers that are used in turn. */
class StoredFile implements StoredObject {
  readonly sizeBytes: number;
  readonly #file: FileHandle;

  constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  get descriptor(): number {
    return this.#file.fd;
  }

  async *pieces(start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
    const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.min(pieceBytes, Math.max(end - start, 1))));
    const read = async (turn: number, from: number): Promise<Uint8Array> => {
      const buffer = buffers[turn % 2] ?? Buffer.alloc(0);
      const { bytesRead } = await this.#file.read(buffer, 0, Math.min(buffer.length, end - from), from);
      return buffer.subarray(0, bytesRead);
    };
    let next = start < end ? read(0, start) : undefined;
    for (let [turn, position] = [1, start]; next !== undefined; turn++) {
      const piece: Uint8Array = await next;
      if (piece.length === 0) throw new Error("a stored object is shorter than it was");
      position += piece.length;
      next = position < end ? read(turn, position) : undefined;
      // Whoever stops reading closes the file: the piece that is being read ahead then fails, and nobody waits for it.
      next?.catch(() => undefined);
      yield piece;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/**
 * Objects as files below one folder. What is written goes to a file beside and is renamed, so a crash leaves whole
 * objects and, in `.incoming`, files that the next start removes.
 */
export class FilesystemStorage implements Storage {
  readonly exclusive = true;
  readonly #root: string;
  readonly #incoming: string;

  private constructor(root: string) {
    this.#root = root;
    this.#incoming = join(root, ".incoming");
  }

  /** Opens the folder, making it, and removes what a crash left half written. */
  static async open(root: string): Promise<FilesystemStorage> {
    const storage = new FilesystemStorage(root);
    await rm(storage.#incoming, { recursive: true, force: true });
    await mkdir(storage.#incoming, { recursive: true, mode: 0o700 });
    return storage;
  }

  async read(key: string, maxBytes: number): Promise<Buffer | null> {
    const file = await this.#openFile(key);
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      if (size > maxBytes) throw new Error(`${key} is larger than ${maxBytes} bytes`);
      const buffer = Buffer.allocUnsafe(size);
      const { bytesRead } = await file.read(buffer, 0, size, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async stat(key: string): Promise<ObjectStat | null> {
    const found = await orMissing(stat(this.#path(key)), null);
    return found?.isFile() ? { sizeBytes: found.size, modifiedMs: found.mtimeMs } : null;
  }

  async open(key: string): Promise<StoredObject | null> {
    const file = await this.#openFile(key);
    return file === null ? null : new StoredFile(file, (await file.stat()).size);
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#incoming, randomUUID());
    try {
      await writeFile(path, bytes, { flag: "wx", mode: 0o600, flush: true });
      await this.#place(key, path);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  async take(key: string, path: string): Promise<void> {
    await using file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
    await file.datasync();
    await this.#place(key, path);
  }

  /** Renames what is on the disk: after a power loss the name stands for all of its bytes, or is not there. */
  async #place(key: string, path: string): Promise<void> {
    const target = this.#path(key);
    for (let attempt = 1; ; attempt++) {
      try {
        await rename(path, target);
        return;
      } catch (error) {
        if (codeOf(error) !== "ENOENT" || attempt === maxAttempts) throw error;
        // A folder above may go while this makes the one below.
        await orMissing(mkdir(dirname(target), { recursive: true, mode: 0o700 }), undefined);
      }
    }
  }

  async remove(key: string): Promise<boolean> {
    const path = this.#path(key);
    const removed = await orMissing(
      unlink(path).then(() => true),
      false,
    );
    if (removed) await this.#removeEmpty(dirname(path));
    return removed;
  }

  async removeFolder(folder: string): Promise<void> {
    const path = this.#path(folder);
    await rm(path, { recursive: true, force: true });
    await this.#removeEmpty(dirname(path));
  }

  async *list(folder: string, after = ""): AsyncGenerator<Entry, void, void> {
    const entries = await orMissing(readdir(this.#path(folder), { withFileTypes: true }), []);
    const wanted = entries.filter(({ name }) => name > after);
    // Names are ASCII: the order of their code units is that of their bytes.
    wanted.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of wanted) yield { name: entry.name, isFolder: entry.isDirectory() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Holds nothing open.
  }

  #path(key: string): string {
    return join(this.#root, key);
  }

  #openFile(key: string): Promise<FileHandle | null> {
    return orMissing(open(this.#path(key), constants.O_RDONLY | constants.O_NOFOLLOW), null);
  }

  /** Removes folders upwards as long as they are empty, so that what was removed leaves nothing. */
  async #removeEmpty(folder: string): Promise<void> {
    for (let path = folder; path.length > this.#root.length; path = dirname(path)) {
      try {
        await rmdir(path);
      } catch (error) {
        if (isMissing(error)) continue;
        return;
      }
    }
  }
}
