import { MessagePort, Worker } from "node:worker_threads";
import { Digesters } from "../digest/digesters.ts";
import { JournalError } from "../journal/reader.ts";
import { TarError } from "../tar/error.ts";
import type { JobAnswer, JobKind, Jobs, PlainError } from "./job.ts";

/** Most threads at a time. A job that waits for a slow client or registry holds one, so there are more than cores. */
const threadsMax = 16;
/** Most of them that write archives for clients, who may be slow: the others stay for pulls and removals. */
const writersMax = 8;
const writers: ReadonlySet<JobKind> = new Set(["rebuild", "pack", "packChanges", "assemble"]);
/** How long a thread waits for another job before it ends. */
const idleMs = 20_000;
/** Most heap of one thread: what a hostile archive can take before its job alone fails. */
const heapMaxMegabytes = 512;
/** Short-lived objects of one thread: a few megabytes are as fast as V8's dozens, and there are many threads. */
const youngMaxMegabytes = 2;

interface Waiting {
  kind: JobKind;
  message: unknown;
  settle: (answer: JobAnswer) => void;
}

/**
 * Worker threads for the synchronous work with layers and archives. They start when they are needed and end when they
 * have been idle; an idle pool does not keep the process alive.
 */
export class LayerWorkers implements AsyncDisposable {
  readonly #threads = new Set<Thread>();
  readonly #queue: Waiting[] = [];
  readonly #closing = new AbortController();
  /** The threads that hash what these unpack. */
  readonly digesters = new Digesters();
  #writers = 0;

  /** Aborted when the pool closes: whoever holds the other end of a job's pipe must let go of it then. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Does a job. The descriptors in it are closed when this settles.
   *
   * @throws TarError or JournalError as the job did, with the system's code as `cause.code`.
   */
  async run<K extends JobKind>(kind: K, job: Jobs[K]["job"]): Promise<Jobs[K]["result"]> {
    if (this.closing.aborted) throw new Error("layer workers are closed");
    const answer = await new Promise<JobAnswer>((settle) => {
      this.#queue.push({ kind, message: { kind, ...job }, settle });
      this.#dispatch();
    });
    if ("error" in answer) throw errorOf(answer.error);
    return answer.result as Jobs[K]["result"];
  }

  /** Ends the threads once their jobs are done; those that wait for the other end of a pipe are cut off. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("layer workers are closed"));
    for (const { settle } of this.#queue.splice(0))
      settle({ error: { name: "Error", message: "layer workers are closed" } });
    await Promise.all([...this.#threads].map((thread) => thread.close()));
    await this.digesters.close();
  }

  #dispatch(): void {
    for (;;) {
      const index = this.#queue.findIndex(({ kind }) => this.#writers < writersMax || !writers.has(kind));
      if (index === -1) return;
      const thread = [...this.#threads].find(({ idle }) => idle) ?? this.#start();
      const [next] = thread === null ? [] : this.#queue.splice(index, 1);
      if (thread === null || next === undefined) return;
      const isWriter = writers.has(next.kind);
      if (isWriter) this.#writers++;
      thread.run(next, () => {
        if (isWriter) this.#writers--;
        if (!this.closing.aborted) this.#dispatch();
      });
    }
  }

  #start(): Thread | null {
    if (this.#threads.size >= threadsMax) return null;
    const thread = new Thread(() => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #onEnd: () => void;
  #settle: ((answer: JobAnswer) => void) | null = null;
  #done: (() => void) | null = null;
  #timer: NodeJS.Timeout | undefined;
  #finished: Promise<unknown> = Promise.resolve();
  #ending = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(new URL("./thread.ts", import.meta.url), {
      name: "layer",
      // Options of the process, as --eval, may be none that a thread takes.
      execArgv: ["--disable-warning=ExperimentalWarning"],
      // Descriptors come from and go to the main thread.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: heapMaxMegabytes, maxYoungGenerationSizeMb: youngMaxMegabytes },
    });
    this.#worker.on("message", (answer: JobAnswer) => this.#answer(answer));
    this.#worker.on("error", (error: Error) => this.#lost(error));
    this.#worker.on("exit", () => this.#lost(new Error("layer worker ended")));
  }

  get idle(): boolean {
    return this.#settle === null && !this.#ending;
  }

  run({ message, settle }: Waiting, done: () => void): void {
    clearTimeout(this.#timer);
    this.#done = done;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#finished = promise;
    this.#settle = (answer) => {
      resolve();
      settle(answer);
    };
    this.#worker.ref();
    const ports = Object.values(message as object).filter((value) => value instanceof MessagePort);
    this.#worker.postMessage(message, ports);
  }

  /** Ends the thread after the job that it is doing. */
  async close(): Promise<void> {
    this.#ending = true;
    await this.#finished;
    clearTimeout(this.#timer);
    await this.#worker.terminate();
  }

  #answer(answer: JobAnswer): void {
    const [settle, done] = [this.#settle, this.#done];
    this.#settle = null;
    this.#worker.unref();
    this.#timer = setTimeout(() => void this.close(), idleMs).unref();
    settle?.(answer);
    done?.();
  }

  #lost(error: Error): void {
    clearTimeout(this.#timer);
    this.#onEnd();
    const [settle, done] = [this.#settle, this.#done];
    this.#settle = null;
    settle?.({ error: { name: "Error", message: error.message } });
    done?.();
  }
}

const errorOf = (plain: PlainError): Error => {
  const options = plain.cause === undefined ? undefined : { cause: errorOf(plain.cause) };
  if (plain.name === "TarError") {
    return new TarError(plain.message, { ...options, truncated: plain.truncated ?? false });
  }
  if (plain.name === "JournalError") return new JournalError(plain.message);
  return Object.assign(new Error(plain.message, options), {
    name: plain.name,
    ...(plain.code === undefined ? {} : { code: plain.code }),
  });
};
