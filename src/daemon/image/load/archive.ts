import { posix } from "node:path";
import { invalidParameter, systemError } from "../../../base/errors.ts";
import { documentBytesMax } from "../../../oci/blob/store.ts";
import type { StagedLayer } from "../context.ts";

const linksMax = 16;

/** A path in the archive, as one of several spellings: `./a//b` is `a/b`. Never a path of this machine. */
export const normalName = (path: string): string => posix.normalize(`/${path}`).slice(1);

/** What became of the content of one file of an archive. */
export type ArchivedFile =
  /** It is a blob in the store. */
  | { kind: "blob"; digest: string }
  /**
   * It was unpacked as it came, or why it could not be; null until it is an image's layer. `untoldBytes` is its length when
   * nobody was told that it is loaded.
   */
  | { kind: "layer"; staged: Promise<StagedLayer>; chainId: string | null; untoldBytes: () => number | null }
  /** It was passed over: no layer, and too large for a document. */
  | { kind: "too-large"; sizeBytes: number }
  /** It was passed over: the store has a layer of this digest. */
  | { kind: "known"; diffId: string; chainId: string };

/** The files of an archive of images by their names, which are keys and nothing else. */
export class ImageArchive {
  readonly #files = new Map<string, ArchivedFile>();
  readonly #links = new Map<string, string>();

  /** @returns what had the name before: the last of a name counts. */
  addFile(name: string, file: ArchivedFile): ArchivedFile | undefined {
    const key = normalName(name);
    const before = this.#files.get(key);
    this.#links.delete(key);
    this.#files.set(key, file);
    return before;
  }

  addLink(name: string, target: string): ArchivedFile | undefined {
    const key = normalName(name);
    const before = this.#files.get(key);
    this.#files.delete(key);
    this.#links.set(key, normalName(target));
    return before;
  }

  /** The names of all files and links. */
  names(): string[] {
    return [...this.#files.keys(), ...this.#links.keys()];
  }

  /** A file, links followed; undefined when there is none of that name. */
  find(path: string): ArchivedFile | undefined {
    let name = normalName(path);
    for (let hops = 0; hops < linksMax; hops++) {
      const file = this.#files.get(name);
      const target = this.#links.get(name);
      if (file !== undefined || target === undefined) return file;
      name = target;
    }
    return undefined;
  }

  /** @throws EngineError system `open x: no such file or directory` */
  get(path: string): ArchivedFile {
    const file = this.find(path);
    if (file === undefined) throw systemError(`open ${path}: no such file or directory`);
    return file;
  }

  /** The digest of a document. @throws EngineError for a file that is none */
  document(path: string): string {
    const file = this.get(path);
    if (file.kind === "too-large") throw invalidParameter(`${path} is larger than ${documentBytesMax} bytes`);
    if (file.kind !== "blob") throw invalidParameter(`${path} is an archive where a document was expected`);
    return file.digest;
  }

  /** All files that were unpacked. */
  *layers(): Generator<Extract<ArchivedFile, { kind: "layer" }>> {
    for (const file of this.#files.values()) if (file.kind === "layer") yield file;
  }
}
