import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isCode } from "../../../linux/error.ts";
import { checkStorageId } from "../driver.ts";

const linkCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const linkLength = 26;
const linkName = /^[A-Z2-7]{26}$/;
const lowerForm = /^l\/[A-Z2-7]{26}(?::l\/[A-Z2-7]{26})*$/;

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

  /**
   * Makes the directories of a new layer; what was made is removed again when it fails.
   * @param prepare for the layer's directory while it is empty
   */
  make(id: string, parent: string | null, writable: boolean, prepare: (directory: string) => void = () => {}): void {
    const directory = this.directory(id);
    mkdirSync(directory, { mode: 0o710 });
    try {
      prepare(directory);
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
    writeFileSync(this.#lowerFile(id), this.#lowerOf(parent));
  }

  /** Notes again what is below a layer, when the note is lost or tells of something else. @returns whether it was */
  mend(id: string, parent: string | null): boolean {
    const file = this.#lowerFile(id);
    const known = readOrNull(file);
    if (parent === null) {
      if (known !== null) rmSync(file);
      return known !== null;
    }
    if (known !== null && lowerForm.test(known)) return false;
    this.setParent(id, parent);
    return true;
  }

  /** The layers that there are. */
  list(): string[] {
    return readdirSync(this.root).filter((name) => name !== "l" && !name.startsWith("."));
  }

  /** Removes short names that no layer has or is found by: of layers that are gone, or that got another one. */
  removeLostLinks(): void {
    const links = readdirSync(join(this.root, "l"));
    const owned = new Set(this.list().map((id) => readOrNull(join(this.root, id, "link"))));
    const lost = links.filter((name) => !owned.has(name));
    if (lost.length === 0) return;
    const used = new Set(this.list().flatMap((id) => readOrNull(this.#lowerFile(id))?.split(":") ?? []));
    for (const name of lost) if (!used.has(`l/${name}`)) rmSync(join(this.root, "l", name));
  }

  /**
   * The diff directories below a layer by their short names, absolute, the topmost first.
   * @throws Error when the note of them is damaged: `mend` has to come first
   */
  lower(id: string): string[] {
    const text = readOrNull(this.#lowerFile(id));
    if (text === null) return [];
    if (!lowerForm.test(text)) throw new Error(`what is below the layer ${id} is not known`);
    return text.split(":").map((name) => join(this.root, name));
  }

  /** Removes the short name of a layer. */
  removeLink(id: string): void {
    const link = readOrNull(join(this.directory(id), "link"));
    if (link !== null && linkName.test(link)) rmSync(join(this.root, "l", link), { force: true });
  }

  #lowerFile(id: string): string {
    return join(this.directory(id), "lower");
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
    const below = readOrNull(this.#lowerFile(parent));
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
