import { createHash } from "node:crypto";
import type { MessagePort } from "node:worker_threads";
import type { Blocks, Fill } from "../tar/source.ts";
import { blockBytes, blockCount, digestBytes, words } from "./message.ts";
import type { BlockMessage, SharedBlocks } from "./message.ts";

/** How long the other thread may take for one block before it counts as lost. */
const hashLimitMs = 120_000;

/** Blocks of a stream that is hashed on its way. */
export interface HashingBlocks extends Blocks {
  /** The SHA-256 of everything, as hex digits. */
  finish(): string;
}

/** Blocks that are hashed by the thread that uses them. */
export const ownBlocks = (): HashingBlocks => {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafeSlow(blockBytes);
  return {
    next: (fill) => {
      const length = fill(buffer);
      hash.update(buffer.subarray(0, length));
      return length === 0 ? null : buffer.subarray(0, length);
    },
    finish: () => hash.digest("hex"),
  };
};

export const allocateBlocks = (): SharedBlocks => ({
  data: new SharedArrayBuffer(blockCount * blockBytes),
  control: new SharedArrayBuffer(8),
  digest: new SharedArrayBuffer(digestBytes),
});

/** Makes blocks ready for another stream. Nobody may use them any more. */
export const resetBlocks = ({ control }: SharedBlocks): void => {
  new Int32Array(control).fill(0);
};

/**
 * The side that fills the blocks and uses them: reads a stream into one after the other, while another thread hashes
 * those before. Synchronous: for worker threads.
 */
export class HashedBlocks implements HashingBlocks {
  readonly #port: MessagePort;
  readonly #control: Int32Array;
  readonly #digest: SharedArrayBuffer;
  readonly #blocks: Buffer[];
  #filled = 0;

  constructor(port: MessagePort, { data, control, digest }: SharedBlocks) {
    this.#port = port;
    this.#control = new Int32Array(control);
    this.#digest = digest;
    this.#blocks = Array.from({ length: blockCount }, (_, index) => Buffer.from(data, index * blockBytes, blockBytes));
  }

  /**
   * The next bytes, up to a block of them, valid until the next call; null at the end.
   * @throws Error when the thread that hashes is lost.
   */
  next(fill: Fill): Buffer | null {
    const index = this.#filled % blockCount;
    this.#wait(words.hashed, this.#filled - blockCount + 1);
    const block = this.#blocks[index]!;
    let length = 0;
    while (length < blockBytes) {
      const count = fill(length === 0 ? block : block.subarray(length));
      if (count === 0) break;
      length += count;
    }
    if (length === 0) return null;
    this.#filled++;
    this.#port.postMessage({ block: index, length } satisfies BlockMessage);
    return block.subarray(0, length);
  }

  /** The SHA-256 of everything, as hex digits. Ends the work of the other thread. */
  finish(): string {
    this.#port.postMessage(null satisfies BlockMessage);
    this.#wait(words.finished, 1);
    return Buffer.from(this.#digest).toString("hex");
  }

  /** Waits until the word has at least that value. */
  #wait(word: number, least: number): void {
    for (;;) {
      const value = Atomics.load(this.#control, word);
      if (value >= least) return;
      if (Atomics.wait(this.#control, word, value, hashLimitMs) === "timed-out")
        throw new Error("the thread that hashes a layer is lost");
    }
  }
}

/** The other side: hashes the blocks as they are filled. The port's end is the work's. */
export const hashBlocks = (port: MessagePort, { data, control, digest }: SharedBlocks): void => {
  const hash = createHash("sha256");
  const counters = new Int32Array(control);
  port.on("message", (message: BlockMessage) => {
    if (message === null) {
      new Uint8Array(digest).set(hash.digest());
      Atomics.store(counters, words.finished, 1);
      Atomics.notify(counters, words.finished);
      return port.close();
    }
    hash.update(new Uint8Array(data, message.block * blockBytes, message.length));
    Atomics.add(counters, words.hashed, 1);
    Atomics.notify(counters, words.hashed);
  });
};
