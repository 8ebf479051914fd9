/**
 * Runs work for one key in the order it was asked for, and different keys side by side. A key costs nothing while
 * nothing is queued for it. Never await a second `run` of the same key inside the first: it would wait for itself.
 */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs `work` after everything queued earlier for `key` has settled. Rejects with what `work` throws. */
  run<T>(key: string, work: () => Promise<T> | T): Promise<T> {
    const before = this.#tails.get(key);
    const result = before === undefined ? (async () => work())() : before.then(work, work);
    const release = (): void => this.#release(key, tail);
    const tail: Promise<void> = result.then(release, release);
    this.#tails.set(key, tail);
    return result;
  }

  /** True while work for `key` runs or waits. */
  busy(key: string): boolean {
    return this.#tails.has(key);
  }

  #release(key: string, tail: Promise<unknown>): void {
    if (this.#tails.get(key) === tail) this.#tails.delete(key);
  }
}
