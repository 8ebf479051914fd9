import { addressOf, libc } from "../ffi.ts";

const preadv2 = libc("preadv2", ["int", "void *", "int", "int64", "int"], "long");
const RWF_NOWAIT = 8;
const iovecBytes = 16;

/** Reads from a file what is in memory, and never waits for its disk: on the event loop without a thread. */
export interface CachedReader {
  /**
   * @returns the bytes that were at hand, in a buffer that the next call fills anew; empty when none were, at the end,
   * or when the filesystem cannot say.
   */
  read(file: number, position: number, size: number): Uint8Array;
}

/**
 * A reader of at most `bufferBytes` at once.
 *
 * **Source:** preadv2(2), RWF_NOWAIT.
 */
export const cachedReader = (bufferBytes: number): CachedReader => {
  // Outside V8's heap: it stays where it is.
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  const iovec = Buffer.alloc(iovecBytes);
  iovec.writeBigUInt64LE(addressOf(buffer), 0);
  return {
    read(file, position, size) {
      iovec.writeBigUInt64LE(BigInt(Math.min(size, bufferBytes)), 8);
      const read = Number(preadv2(file, iovec, 1, position, RWF_NOWAIT));
      return buffer.subarray(0, Math.max(0, read));
    },
  };
};
