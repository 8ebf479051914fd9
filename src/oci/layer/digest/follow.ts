import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { Socket } from "node:net";
import type { DigestAnswer, DigestRequest } from "./message.ts";

const pieceBytes = 1 << 18;
/** Bytes on their way into the output before more are read. */
const pendingBytesMax = 1 << 20;
const tellEveryMs = 100;

/** Reads a file that grows, hashes it, and hands its bytes on to a pipe while that takes them. */
export class Follow {
  readonly #id: number;
  readonly #file: number;
  readonly #hash;
  readonly #algorithm: string;
  readonly #answer: (answer: DigestAnswer) => void;
  #output: Socket | null;
  readonly #free: Buffer[];
  #position = 0;
  #availableBytes: number;
  #isWhole: boolean;
  #isScheduled = false;
  #isOver = false;
  #toldAtMs = 0;

  /**
   * @param free pieces that are used again, by all that are followed in a thread
   * @param answer hears the progress and, once, the end.
   */
  constructor(request: DigestRequest & { kind: "follow" }, free: Buffer[], answer: (answer: DigestAnswer) => void) {
    this.#free = free;
    this.#id = request.id;
    this.#algorithm = request.algorithm;
    this.#hash = createHash(request.algorithm);
    this.#answer = answer;
    this.#availableBytes = request.availableBytes;
    this.#isWhole = request.isWhole;
    this.#output = new Socket({ fd: request.output, readable: false, writable: true });
    // A reader that has enough closes its end: the rest is only hashed.
    this.#output.on("error", () => this.mute());
    this.#output.on("close", () => this.mute());
    this.#output.on("drain", () => this.#schedule());
    this.#file = openSync(request.path, "r");
    this.#schedule();
  }

  grow(availableBytes: number, isWhole: boolean): void {
    this.#availableBytes = availableBytes;
    this.#isWhole = isWhole;
    this.#schedule();
  }

  mute(): void {
    const output = this.#output;
    this.#output = null;
    output?.destroy();
    this.#schedule();
  }

  /** Ends without an answer. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    closeSync(this.#file);
    this.#output?.destroy();
    this.#output = null;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isOver) return;
    this.#isScheduled = true;
    // One piece a turn: others that are followed, and blocks, get theirs in between.
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isOver) this.#step();
    });
  }

  #step(): void {
    const left = this.#availableBytes - this.#position;
    if (left === 0 && this.#isWhole) return this.#finish();
    if (left <= 0 || (this.#output?.writableLength ?? 0) >= pendingBytesMax) return;
    try {
      const piece = this.#free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
      const count = readSync(this.#file, piece, 0, Math.min(left, pieceBytes), this.#position);
      if (count === 0) throw new Error("the file is shorter than was said");
      this.#position += count;
      const bytes = piece.subarray(0, count);
      this.#hash.update(bytes);
      const free = (): void => {
        this.#free.push(piece);
        this.#schedule();
      };
      if (this.#output === null) free();
      else this.#output.write(bytes, free);
    } catch (error) {
      this.cancel();
      this.#answer({ id: this.#id, kind: "error", message: String((error as Error).message) });
      return;
    }
    this.#tell();
    this.#schedule();
  }

  #tell(): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs < tellEveryMs) return;
    this.#toldAtMs = nowMs;
    this.#answer({ id: this.#id, kind: "taken", bytes: this.#position });
  }

  #finish(): void {
    this.#isOver = true;
    closeSync(this.#file);
    const output = this.#output;
    this.#output = null;
    output?.end();
    const digest = `${this.#algorithm}:${this.#hash.digest("hex")}`;
    this.#answer({ id: this.#id, kind: "digest", digest, sizeBytes: this.#position });
  }
}
