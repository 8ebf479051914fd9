import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCode } from "../../../linux/error.ts";
import { checkStorageId } from "../driver.ts";

const linkCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const linkLength = 26;
const linkName = /^[A-Z2-7]{26}$/;

/**
 * The directories of one root, as Docker names them: `<id>/diff` a layer's files, `<id>/link` the short name of one that
 * is below others, `l/<short>` a link to its diff, `<id>/lower` the short names of the layers below (topmost first), `<id>/work` and `<id>/merged`.
 */
export class Layout {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
    mkdirSync(join(root, "l"), { recursive: true, mode: 0o710 });
  }

  directory(id: string): string {
    return join(this.root, checkStorageId(id));
  }

  diff(id: string): string {
    return join(this.directory(id), "diff");
  }

  merged(id: string): string {
    return join(this.directory(id), "merged");
  }

  work(id: string): string {
    return join(this.directory(id), "work");
  }

  /** True for a layer that can be written through its mount. */
  isWritable(id: string): boolean {
    return existsSync(this.work(id));
  }

  /** Makes the directories of a new layer; what was made is removed again when it fails. */
  make(id: string, parent: string | null, writable: boolean): void {
    const directory = this.directory(id);
    mkdirSync(directory, { mode: 0o710 });
    try {
      mkdirSync(join(directory, "diff"));
      // The root directory of containers, whatever the process's umask is.
      chmodSync(join(directory, "diff"), 0o755);
      if (parent !== null) this.setParent(id, parent);
      if (writable) {
        mkdirSync(join(directory, "work"), { mode: 0o700 });
        mkdirSync(join(directory, "merged"), { mode: 0o700 });
      }
    } catch (error) {
      this.removeLink(id);
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Notes what is below a layer: `parent`, and what is below that by now. */
  setParent(id: string, parent: string): void {
    writeFileSync(join(this.directory(id), "lower"), this.#lowerOf(parent));
  }

  /** The diff directories below a layer by their short names, absolute, the topmost first. */
  lower(id: string): string[] {
    const text = readOrNull(join(this.directory(id), "lower"));
    return text === null ? [] : text.split(":").map((name) => join(this.root, name));
  }

  /** Removes the short name of a layer. */
  removeLink(id: string): void {
    const link = readOrNull(join(this.directory(id), "link"));
    if (link !== null && linkName.test(link)) rmSync(join(this.root, "l", link), { force: true });
  }

  /** A layer gets its short name when something is put on top of it, which for most containers' is never. */
  #linkOf(id: string): string {
    const file = join(this.directory(id), "link");
    const known = readOrNull(file);
    // One that a loss of power has emptied is none.
    if (known !== null && linkName.test(known)) return known;
    const link = newLink();
    symlinkSync(join("..", id, "diff"), join(this.root, "l", link));
    writeFileSync(file, link);
    return link;
  }

  #lowerOf(parent: string): string {
    const link = this.#linkOf(parent);
    const below = readOrNull(join(this.directory(parent), "lower"));
    return below === null ? `l/${link}` : `l/${link}:${below}`;
  }
}

const newLink = (): string =>
  [...randomBytes(linkLength)].map((byte) => linkCharacters[byte % linkCharacters.length]).join("");

const readOrNull = (path: string): string | null => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
};
