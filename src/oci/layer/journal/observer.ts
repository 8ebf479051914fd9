import { closeSync, mkdirSync } from "node:fs";
import { openDirectory } from "../../../linux/file/open.ts";
import type { ExtractObserver } from "../extract/extract.ts";
import type { Directory } from "../extract/tree.ts";
import type { ByteString } from "../tar/entry.ts";
import { orphan } from "./orphan.ts";
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
    const number = this.#orphans++;
    const isMoved = orphan({ fd: directory.fd, name }, { fd: this.#openOrphans(), name: String(number) });
    this.#journal.moved(path, number);
    return isMoved;
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
