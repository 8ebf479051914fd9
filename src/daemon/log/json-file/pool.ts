/** Size of the blocks that a log is read in and handed on in. */
export const blockBytes = 512 * 1024;
/** Output below this is allocated to measure: a follower of a quiet log holds nothing. */
const smallBytes = 64 * 1024;
/** Blocks kept for reuse: one being filled and those a client has yet to take. */
const maxFree = 4;

/**
 * Blocks that are used again. Fresh ones would cost a page fault every 4 KiB and lie about until the next collection:
 * 200 MB of log left 160 MB of memory.
 */
export class BlockPool {
  #free: Buffer[] = [];

  /** A buffer of at least `least` bytes, what is in it is of no meaning. */
  readonly take = (least: number): Buffer => {
    if (least <= smallBytes || least > blockBytes) return Buffer.allocUnsafeSlow(least);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  };

  /** Lets go of what is kept: nothing is read for now. */
  drop(): void {
    this.#free = [];
  }

  /** Gives back a buffer, or the part of one that was used: nobody looks at it any more. */
  give(part: Buffer): void {
    if (part.buffer.byteLength === blockBytes && this.#free.length < maxFree)
      this.#free.push(Buffer.from(part.buffer as ArrayBuffer));
  }
}
