interface Running<T, M> {
  result: Promise<T>;
  listeners: Set<(message: M) => void>;
  last: M | undefined;
  abort: AbortController;
}

/**
 * Work that several may want at once: it runs once for a key, everyone hears its progress and gets its result, and it
 * is aborted when the last one who waits for it has left.
 */
export class SharedWork<T, M> {
  readonly #running = new Map<string, Running<T, M>>();

  /**
   * Joins the work that runs for `key`, or starts it. Rejects with the reason of `signal` as soon as that aborts; the
   * work itself goes on while others wait.
   */
  async run(
    key: string,
    work: (signal: AbortSignal, tell: (message: M) => void) => Promise<T>,
    options: { signal?: AbortSignal | undefined; onMessage: (message: M) => void },
  ): Promise<T> {
    const { signal, onMessage } = options;
    signal?.throwIfAborted();
    const running = this.#running.get(key) ?? this.#start(key, work);
    const listener = (message: M): void => onMessage(message);
    if (running.last !== undefined) listener(running.last);
    running.listeners.add(listener);
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal?.reason as Error);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([running.result, left.promise]);
    } finally {
      signal?.removeEventListener("abort", leave);
      running.listeners.delete(listener);
      if (running.listeners.size === 0 && this.#running.get(key) === running) {
        this.#running.delete(key);
        running.abort.abort(signal?.reason);
        await running.result.catch(() => undefined);
      }
    }
  }

  #start(key: string, work: (signal: AbortSignal, tell: (message: M) => void) => Promise<T>): Running<T, M> {
    const abort = new AbortController();
    const listeners = new Set<(message: M) => void>();
    const tell = (message: M): void => {
      running.last = message;
      for (const listener of listeners) listener(message);
    };
    // Begun in the next microtask, when the one who asked listens.
    const result = Promise.resolve()
      .then(() => work(abort.signal, tell))
      .finally(() => {
        if (this.#running.get(key) === running) this.#running.delete(key);
      });
    result.catch(() => undefined);
    const running: Running<T, M> = { result, listeners, last: undefined, abort };
    this.#running.set(key, running);
    return running;
  }
}
