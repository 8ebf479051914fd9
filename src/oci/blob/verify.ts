import { createHash } from "node:crypto";
import { algorithmOf } from "../digest.ts";
import type { Digest } from "../digest.ts";

/** Content that is not what its digest or size says, or larger than was allowed. */
export class ContentMismatch extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ContentMismatch";
  }
}

export interface Expected {
  /** What the content must hash to; null when it is only to be computed. */
  digest: Digest | null;
  /** Its exact length, when that is known. */
  sizeBytes?: number | undefined;
  /** Most bytes that are taken. */
  maxBytes: number;
}

/**
 * Hashes and counts content on its way. `finish` compares; until it returns, nothing that came by may be trusted.
 */
export class Verifier {
  readonly #expected: Expected;
  readonly #algorithm: string;
  readonly #hash;
  #sizeBytes = 0;

  constructor(expected: Expected) {
    this.#expected = expected;
    this.#algorithm = expected.digest === null ? "sha256" : algorithmOf(expected.digest);
    this.#hash = createHash(this.#algorithm);
  }

  /** @throws ContentMismatch as soon as there is more than there may be. */
  update(chunk: Uint8Array): void {
    this.#sizeBytes += chunk.length;
    const { maxBytes, sizeBytes } = this.#expected;
    if (sizeBytes !== undefined && this.#sizeBytes > sizeBytes) {
      throw new ContentMismatch(`content is longer than the expected ${sizeBytes} bytes`);
    }
    if (this.#sizeBytes > maxBytes) throw new ContentMismatch(`content is larger than ${maxBytes} bytes`);
    this.#hash.update(chunk);
  }

  /** @throws ContentMismatch */
  finish(): { digest: Digest; size: number } {
    const { digest: expected, sizeBytes } = this.#expected;
    if (sizeBytes !== undefined && this.#sizeBytes !== sizeBytes) {
      throw new ContentMismatch(`content has ${this.#sizeBytes} bytes instead of the expected ${sizeBytes}`);
    }
    const digest = `${this.#algorithm}:${this.#hash.digest("hex")}`;
    if (expected !== null && digest !== expected) {
      throw new ContentMismatch(`content has the digest ${digest} instead of the expected ${expected}`);
    }
    return { digest, size: this.#sizeBytes };
  }
}
