import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { HashAnswer, HashMessage } from "./hash-job.ts";

/** Threads that hash; more than cores would only take turns. */
const threadsMax = Math.min(8, Math.max(2, availableParallelism()));

/** A thread hears of growth in steps of this: it reads in such blocks anyway. */
const stepBytes = 1024 * 1024;

/** A file that is hashed while it grows. */
export interface FileHash extends Disposable {
  readonly algorithm: string;
  /** Tells how many bytes the file has by now. */
  advance(toBytes: number): void;
  /** The hex digest of the first `toBytes`, all there are. The hash is over with it. */
  finish(toBytes: number): Promise<string>;
}

interface Thread {
  worker: Worker;
  /** Open files by their number. */
  open: Map<number, (answer: HashAnswer) => void>;
}

/** Threads that hash the files of uploads. They start when they are needed, and keep no process alive. */
export class Hashers implements AsyncDisposable {
  readonly #threads: Thread[] = [];
  #last = 0;
  #inline = 0;

  /**
   * The place of the one upload that the event loop hashes by itself, until disposed.
   *
   * @param anyway for an upload that has begun so, also when another has the place
   */
  takeInline(anyway = false): Disposable | undefined {
    if (this.#inline > 0 && !anyway) return undefined;
    this.#inline++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#inline--;
        held = false;
      },
    };
  }

  /** Begins with a file that exists. */
  open(path: string, algorithm: string): FileHash {
    const thread = this.#thread();
    const id = ++this.#last;
    const result = Promise.withResolvers<string>();
    result.promise.catch(() => undefined);
    thread.open.set(id, (answer) =>
      "hex" in answer ? result.resolve(answer.hex) : result.reject(new Error(answer.error)),
    );
    const send = (message: HashMessage): void => {
      if (thread.open.has(id)) thread.worker.postMessage(message);
    };
    send({ kind: "open", id, path, algorithm });
    let told = 0;
    return {
      algorithm,
      advance: (toBytes) => {
        if (toBytes - told < stepBytes) return;
        told = toBytes - (toBytes % stepBytes);
        send({ kind: "advance", id, toBytes: told });
      },
      finish: (toBytes) => {
        send({ kind: "finish", id, toBytes });
        return result.promise;
      },
      [Symbol.dispose]: () => {
        send({ kind: "close", id });
        thread.open.delete(id);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  /** The one with the least to do; a new one while all have something and there may be more. */
  #thread(): Thread {
    const [least] = this.#threads.toSorted((a, b) => a.open.size - b.open.size);
    if (least !== undefined && (least.open.size === 0 || this.#threads.length >= threadsMax)) return least;
    const worker = new Worker(new URL("./hash-thread.ts", import.meta.url));
    const thread: Thread = { worker, open: new Map() };
    worker.unref();
    worker.on("message", (answer: HashAnswer) => {
      thread.open.get(answer.id)?.(answer);
      thread.open.delete(answer.id);
    });
    const end = (reason: string): void => {
      const index = this.#threads.indexOf(thread);
      if (index >= 0) this.#threads.splice(index, 1);
      for (const [id, settle] of thread.open) settle({ id, error: reason });
      thread.open.clear();
    };
    worker.on("error", (error) => end(String(error)));
    worker.on("exit", () => end("the hashing thread ended"));
    this.#threads.push(thread);
    return thread;
  }
}
