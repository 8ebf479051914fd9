import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { isCode } from "../../linux/error.ts";
import { algorithmOf, hexOf, isDigest, parseDigest } from "../digest.ts";
import type { Digest } from "../digest.ts";
import { PartialBlob } from "./partial.ts";
import { readState } from "./partial-state.ts";
import type { PartialPaths } from "./partial.ts";

/** How long nobody need go on with content that came in part, before it is removed. */
const ageMaxMs = 24 * 60 * 60 * 1000;
/** How much of it is kept at most; the oldest goes first. */
const totalBytesMax = 16 * 2 ** 30;
/** Less is not worth a file. */
const keptBytesMin = 2 ** 20;
const stateSuffix = ".state";

/** Content that came in part and may be gone on with. */
export interface PartialInfo {
  digest: Digest;
  /** Bytes that are there. */
  storedBytes: number;
  /** When it was last written, milliseconds since the epoch. */
  writtenAtMs: number;
  isOpen: boolean;
}

/**
 * The files of content that is on its way, `<algorithm>-<hex>` with a note beside it. They are kept when the way was
 * cut off, by whatever, so that the next attempt goes on; not for ever, and not without a bound.
 */
export class Partials {
  readonly #directory: string;
  readonly #bootId: string;
  readonly #open = new Map<Digest, PartialBlob>();

  /** @param directory holds nothing else; what cannot be gone on with is removed now. */
  constructor(directory: string, bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()) {
    this.#directory = directory;
    this.#bootId = bootId;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const digest = digestOf(name);
      if (digest === null || readState(this.#paths(digest).state, bootId) === null)
        rmSync(join(directory, name), { recursive: true, force: true });
    }
    this.prune();
  }

  /**
   * Begins with content, or goes on with what is there of it.
   * @throws Error when it is open already: a fault of the caller.
   */
  open(digest: Digest, sizeBytes: number): PartialBlob {
    parseDigest(digest);
    if (this.#open.has(digest)) throw new Error(`${digest} is on its way already`);
    const partial = new PartialBlob(digest, this.#paths(digest), {
      sizeBytes,
      bootId: this.#bootId,
      onClose: () => this.#closed(partial),
    });
    this.#open.set(digest, partial);
    return partial;
  }

  list(): PartialInfo[] {
    const found: PartialInfo[] = [];
    for (const name of readdirSync(this.#directory)) {
      const digest = name.endsWith(stateSuffix) ? digestOf(name) : null;
      if (digest === null) continue;
      try {
        const paths = this.#paths(digest);
        const { blocks } = statSync(paths.content);
        const { mtimeMs } = statSync(paths.state);
        found.push({ digest, storedBytes: blocks * 512, writtenAtMs: mtimeMs, isOpen: this.#open.has(digest) });
      } catch (error) {
        if (!isCode(error, "ENOENT")) throw error;
      }
    }
    return found;
  }

  /** Removes what is too old or too much, all that nobody works with when `all` is true. @returns bytes removed. */
  prune(options: { nowMs?: number; all?: boolean; totalBytesMax?: number } = {}): number {
    const nowMs = options.nowMs ?? Date.now();
    const limitBytes = options.totalBytesMax ?? totalBytesMax;
    let [kept, removed] = [0, 0];
    for (const { digest, storedBytes, writtenAtMs, isOpen } of this.list().sort(youngestFirst)) {
      kept += storedBytes;
      const isOld = nowMs - writtenAtMs > ageMaxMs;
      if (isOpen || (!isOld && options.all !== true && kept <= limitBytes)) continue;
      kept -= storedBytes;
      removed += storedBytes;
      this.#remove(digest);
    }
    return removed;
  }

  #closed(partial: PartialBlob): void {
    this.#open.delete(partial.digest);
    if (partial.storedBytes < keptBytesMin || partial.sizeBytes === 0) this.#remove(partial.digest);
    else this.prune();
  }

  #remove(digest: Digest): void {
    const { content, state } = this.#paths(digest);
    // The note first: content without one is removed at the next start.
    for (const path of [state, content]) rmSync(path, { force: true });
  }

  #paths(digest: Digest): PartialPaths {
    const content = join(this.#directory, `${algorithmOf(digest)}-${hexOf(digest)}`);
    return { content, state: `${content}${stateSuffix}` };
  }
}

const youngestFirst = (a: PartialInfo, b: PartialInfo): number => b.writtenAtMs - a.writtenAtMs;

const digestOf = (name: string): Digest | null => {
  const digest = name.replace(stateSuffix, "").replace("-", ":");
  return isDigest(digest) ? digest : null;
};
