import { closeSync, mkdirSync } from "node:fs";
import { renameat2 } from "../../../linux/file/make.ts";
import { openDirectory } from "../../../linux/file/open.ts";
import type { ExtractObserver } from "../extract/extract.ts";
import type { Directory } from "../extract/tree.ts";
import { pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";
import type { JournalWriter } from "./writer.ts";

/** Records an extraction in a journal, and keeps what a later member replaces in a directory of orphans. */
export class JournalObserver implements ExtractObserver, Disposable {
  readonly #journal: JournalWriter;
  readonly #orphansPath: string;
  #orphansFd: number | null = null;
  #orphans = 0;

  /** @param orphansPath a directory on the tree's filesystem, made when the first orphan comes. */
  constructor(journal: JournalWriter, orphansPath: string) {
    this.#journal = journal;
    this.#orphansPath = orphansPath;
  }

  content(path: ByteString, offset: number, length: number, crc: number): void {
    this.#journal.content(path, offset, length, crc);
  }

  replaced(directory: Directory, name: ByteString, path: ByteString): boolean {
    const orphan = this.#orphans++;
    renameat2(directory.fd, pathOf(name), this.#openOrphans(), String(orphan));
    this.#journal.moved(path, orphan);
    return true;
  }

  [Symbol.dispose](): void {
    if (this.#orphansFd !== null) closeSync(this.#orphansFd);
    this.#orphansFd = null;
  }

  #openOrphans(): number {
    if (this.#orphansFd !== null) return this.#orphansFd;
    mkdirSync(this.#orphansPath, { mode: 0o700 });
    this.#orphansFd = openDirectory(this.#orphansPath);
    return this.#orphansFd;
  }
}
