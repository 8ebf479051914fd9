/** How long the loop stays awake after a request: longer than a client needs to send its next one. */
const awakeMs = 0.15;

/**
 * Keeps the event loop polling for a moment after each request instead of sleeping in the kernel. Waking a sleeping
 * thread on another core takes longer than answering a ping; a client that asks again and again is answered twice as
 * fast, for at most `awakeMs` of processor time a request.
 */
export class BusyPoll {
  #untilMs = 0;
  #running = false;
  readonly #poll = (): void => {
    if (performance.now() < this.#untilMs) setImmediate(this.#poll);
    else this.#running = false;
  };

  /** A request has come. */
  stayAwake(): void {
    this.#untilMs = performance.now() + awakeMs;
    if (this.#running) return;
    this.#running = true;
    setImmediate(this.#poll);
  }
}
