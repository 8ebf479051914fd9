import type { Digest } from "../../oci/digest.ts";

/** A read-only layer in the store; its key is the chain id. */
export interface Layer {
  /** Stands for this layer and all below it. */
  chainId: Digest;
  /** Digest of the layer's uncompressed archive. */
  diffId: Digest;
  /** Chain id of the layer below; null at the bottom. */
  parent: Digest | null;
  /** The storage driver's name for it. */
  cacheId: string;
  /** Bytes of its own files, as Docker counts. */
  sizeBytes: number;
  /** Length of its uncompressed archive. */
  tarBytes: number;
  /** When it was stored, milliseconds since the epoch. */
  storedAtMs: number;
}

/** An archive that does not hash to what it should. */
export class DiffIdMismatch extends Error {
  readonly expected: Digest;
  readonly actual: Digest;

  constructor(expected: Digest, actual: Digest) {
    super(`invalid diffID for layer: expected "${expected}", got "${actual}"`);
    this.name = "DiffIdMismatch";
    this.expected = expected;
    this.actual = actual;
  }
}
