/** A number of places, taken one at a time in the order of asking. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  #count: number;
  #free: number;

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** Changes how many places there are. Those that are taken above the new number are given up when they are given back. */
  resize(count: number): void {
    this.#free += count - this.#count;
    this.#count = count;
    for (; this.#free > 0 && this.#waiting.length > 0; this.#free--) this.#waiting.shift()?.();
  }

  /** True when a place can be had at once. */
  get isFree(): boolean {
    return this.#free > 0;
  }

  /** Takes a place, waiting for one; disposing gives it back. Rejects with the reason when `signal` aborts first. */
  async take(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = this.#free < 0 ? undefined : this.#waiting.shift();
        if (next === undefined) this.#free++;
        else next();
      },
    };
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal?.reason as Error);
      };
      const go = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(go);
    });
  }
}
