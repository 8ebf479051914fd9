import { watch } from "node:fs";
import { dirname } from "node:path";

/** How long a change can stay unseen where the kernel hands out no more watches. */
const pollMs = 250;

/** Tells when something was written or renamed beside a log file. */
export class Changes implements Disposable {
  #dirty = true;
  #wake: (() => void) | null = null;
  readonly #stop: () => void;

  constructor(path: string) {
    this.#stop = watchDirectory(dirname(path), () => this.notify());
  }

  /** Anything that a waiting reader should look at. */
  notify(): void {
    this.#dirty = true;
    this.#wake?.();
  }

  /** Call before reading: what comes from here on ends the next wait at once. */
  clear(): void {
    this.#dirty = false;
  }

  /** Fulfilled at the next change since `clear`. One waiter at a time. */
  next(): Promise<void> {
    if (this.#dirty) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#wake?.();
  }
}

const watchDirectory = (directory: string, onChange: () => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const poll = (): void => {
    timer ??= setInterval(onChange, pollMs).unref();
  };
  try {
    const watcher = watch(directory, { persistent: false }, onChange);
    watcher.on("error", poll);
    return () => {
      watcher.close();
      clearInterval(timer);
    };
  } catch {
    // fs.inotify.max_user_watches is reached.
    poll();
    return () => clearInterval(timer);
  }
};
