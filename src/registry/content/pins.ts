import type { Digest } from "../../oci/digest.ts";

interface Pin {
  holders: number;
  /** Settles when the sweep that has the digest to itself is over. */
  sweeping: Promise<void> | undefined;
}

/**
 * Keeps what is being used and what is being removed apart: a digest is held by any number of pushes, or swept by one
 * collection, which goes on to the next when somebody holds it.
 */
export class Pins {
  readonly #pins = new Map<Digest, Pin>();

  /** Holds digests until disposed; waits for a sweep that has one of them. */
  async hold(digests: Iterable<Digest>): Promise<Disposable> {
    const wanted = [...new Set(digests)];
    for (;;) {
      const sweeping = wanted.map((digest) => this.#pins.get(digest)?.sweeping).find((sweep) => sweep !== undefined);
      if (sweeping === undefined) break;
      await sweeping;
    }
    for (const digest of wanted) {
      const pin = this.#pins.get(digest);
      if (pin === undefined) this.#pins.set(digest, { holders: 1, sweeping: undefined });
      else pin.holders++;
    }
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        for (const digest of wanted) this.#release(digest);
      },
    };
  }

  /** Runs `work` while nobody can hold the digest. @returns false, without running it, when somebody does. */
  async sweep(digest: Digest, work: () => Promise<void>): Promise<boolean> {
    if (this.#pins.has(digest)) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pins.set(digest, { holders: 0, sweeping: promise });
    try {
      await work();
    } finally {
      this.#pins.delete(digest);
      resolve();
    }
    return true;
  }

  #release(digest: Digest): void {
    const pin = this.#pins.get(digest);
    if (pin !== undefined && --pin.holders === 0) this.#pins.delete(digest);
  }
}
