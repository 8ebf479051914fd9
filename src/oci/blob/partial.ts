import { closeSync, openSync, rmSync, writeSync, constants, writev } from "node:fs";
import type { Digest } from "../digest.ts";
import type { GrowingFile } from "./growing.ts";
import { doneOffset, encodeState, partsOf, readState } from "./partial-state.ts";
import type { Part } from "./partial-state.ts";

/** Smaller chunks may lie in memory that others share. */
const freedBytesMin = 1 << 15;

/** A file of content and the note of what is there of it. */
export interface PartialPaths {
  content: string;
  state: string;
}

/**
 * Content on its way here: a file that is written once, at several places at a time, and read from its start by whoever
 * unpacks it meanwhile. What is there outlives the process; opening it again goes on.
 */
export class PartialBlob implements GrowingFile, Disposable {
  readonly digest: Digest;
  readonly path: string;
  /** Bytes that were there already when it was opened. */
  readonly resumedBytes: number;
  readonly complete: Promise<void>;
  readonly #paths: PartialPaths;
  readonly #parts: Part[];
  readonly #file: number;
  readonly #note: number;
  readonly #listeners = new Set<() => void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #onClose: () => void;
  #sizeBytes: number;
  #front = 0;
  #writes = 0;
  #isOpen = true;
  #isWhole = false;

  /**
   * @param sizeBytes 0 when it is not known: nothing of the content can be used again then.
   * @param onClose hears that nobody writes any more.
   */
  constructor(
    digest: Digest,
    paths: PartialPaths,
    options: { sizeBytes: number; bootId: string; onClose?: () => void },
  ) {
    const { sizeBytes, bootId } = options;
    this.digest = digest;
    this.path = paths.content;
    this.#paths = paths;
    this.#onClose = options.onClose ?? (() => {});
    const found = readState(paths.state, bootId);
    const isSame = found !== null && found.sizeBytes === sizeBytes;
    this.#sizeBytes = sizeBytes;
    this.#parts = isSame ? found.parts : partsOf(sizeBytes);
    this.resumedBytes = this.#parts.reduce((sum, { doneBytes }) => sum + doneBytes, 0);
    const fresh = isSame ? 0 : constants.O_TRUNC;
    this.#file = openSync(paths.content, constants.O_RDWR | constants.O_CREAT | fresh, 0o600);
    this.#note = openSync(paths.state, constants.O_RDWR | constants.O_CREAT | fresh, 0o600);
    writeSync(this.#note, encodeState(sizeBytes, this.#parts, bootId), 0, undefined, 0);
    this.complete = this.#ended.promise;
    this.complete.catch(() => {});
    this.#advance();
  }

  /** Bytes of the whole; 0 while that is not known. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get availableBytes(): number {
    const part = this.#parts[this.#front];
    return part === undefined ? this.#sizeBytes : part.start + part.doneBytes;
  }

  /** True when all bytes are there. They are checked by whoever reads them. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Bytes that are in the file, wherever. */
  get storedBytes(): number {
    return this.#parts.reduce((sum, { doneBytes }) => sum + doneBytes, 0);
  }

  /** What is not there yet, in order, a stretch a part: `index` is for `write`. */
  missing(): { index: number; start: number; end: number }[] {
    return this.#parts
      .map(({ start, end, doneBytes }, index) => ({ index, start: start + doneBytes, end }))
      .filter(({ start, end }) => start < end);
  }

  /**
   * Appends to a part. One call at a time for each part. Takes the chunks over: nobody may use them after.
   * @throws what the disk says.
   */
  async write(index: number, chunks: Buffer[]): Promise<void> {
    const part = this.#parts[index];
    if (part === undefined || !this.#isOpen) throw new Error("partial content is closed");
    this.#writes++;
    try {
      let written = 0;
      for (let rest = chunks; rest.length > 0;) {
        const count = await writeAt(this.#file, rest, part.start + part.doneBytes + written);
        written += count;
        rest = after(rest, count);
      }
      for (const chunk of chunks) giveBack(chunk);
      part.doneBytes += written;
      writeSync(this.#note, doubleOf(part.doneBytes), 0, undefined, doneOffset(index));
    } finally {
      this.#writes--;
      if (!this.#isOpen && this.#writes === 0) this.#closeFiles();
    }
    this.#advance();
  }

  /** Ends content whose size was not known. */
  end(): void {
    const last = this.#parts.at(-1);
    if (last === undefined || last.end !== Number.POSITIVE_INFINITY) return;
    last.end = last.start + last.doneBytes;
    this.#sizeBytes = last.end;
    this.#advance();
  }

  /** It will not become whole now: whoever reads it hears why. What is there stays. */
  fail(error: unknown): void {
    this.#ended.reject(error);
  }

  onGrowth(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Removes what is there. */
  discard(): void {
    this[Symbol.dispose]();
    for (const path of [this.#paths.content, this.#paths.state]) rmSync(path, { force: true });
  }

  /** Lets go of it; what is there can be taken up again. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.fail(new Error("partial content is closed"));
    if (this.#writes === 0) this.#closeFiles();
    this.#onClose();
  }

  #closeFiles(): void {
    closeSync(this.#file);
    closeSync(this.#note);
  }

  #advance(): void {
    for (; this.#front < this.#parts.length; this.#front++) {
      const part = this.#parts[this.#front]!;
      if (part.start + part.doneBytes < part.end) break;
    }
    if (this.#front === this.#parts.length && !this.#isWhole) {
      this.#isWhole = true;
      this.#ended.resolve();
    }
    for (const listener of this.#listeners) listener();
  }
}

/** In a thread of libuv's: a disk that is busy holds a write up. */
const writeAt = (file: number, chunks: Buffer[], position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    writev(file, chunks, position, (error, count) => (error === null ? resolve(count) : reject(error)));
  });

/**
 * Frees a chunk's memory now: hundreds of megabytes a second pass, and what waits for the garbage collector stays with
 * the process. Only what has its memory for itself.
 */
const giveBack = ({ buffer, byteLength }: Buffer): void => {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && byteLength >= freedBytesMin)
    buffer.transfer(0);
};

const after = (chunks: Buffer[], count: number): Buffer[] => {
  const rest: Buffer[] = [];
  let skip = count;
  for (const chunk of chunks) {
    if (skip < chunk.length) rest.push(chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  }
  return rest;
};

const doubleOf = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
