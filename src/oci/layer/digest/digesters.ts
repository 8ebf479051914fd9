import { availableParallelism } from "node:os";
import { MessageChannel, Worker } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import type { GrowingFile } from "../../blob/growing.ts";
import { algorithmOf } from "../../digest.ts";
import type { Digest } from "../../digest.ts";
import { allocateBlocks, resetBlocks } from "./blocks.ts";
import type { DigestAnswer, DigestRequest, SharedBlocks } from "./message.ts";

/** One thread hashes as fast as two unpack; more than a few would wait for the disk. */
const coresPerThread = 4;
const threadsMax = 4;
const idleMs = 20_000;
/** Most sets of blocks that are kept for the next job. */
const freeBlocksMax = 2;

/** A growing file that is being hashed and handed on. */
export interface Followed {
  /** The digest of all of it. Rejects when the file does not become whole, or cannot be read. */
  finished: Promise<{ digest: Digest; sizeBytes: number }>;
  /** Hands nothing on any more; the digest comes all the same. */
  mute(): void;
  /** Gives it up: `finished` rejects. */
  cancel(reason: unknown): void;
}

/** What a job needs that has its blocks hashed. */
export interface SharedJob {
  /** To be transferred to the job's thread. */
  port: MessagePort;
  blocks: SharedBlocks;
  /** To be called at the job's end. `isFinished`: the digest came, so nobody uses the blocks any more. */
  done: (isFinished: boolean) => void;
}

/** Threads that hash: growing files of compressed content, and blocks of archives while others unpack them. */
export class Digesters {
  readonly #threads: DigestThread[] = [];
  readonly #free: SharedBlocks[] = [];
  #isClosed = false;

  /**
   * Hashes a file as it grows and writes its bytes into a pipe.
   *
   * @param output the pipe's end; it is closed with the last byte, or early when its reader has enough.
   */
  follow(file: GrowingFile, digest: Digest, output: number, onProgress?: (bytes: number) => void): Followed {
    return this.#least().follow(file, algorithmOf(digest), output, onProgress);
  }

  /** Has the blocks hashed that a job of another thread fills. */
  blocks(): SharedJob {
    const blocks = this.#free.pop() ?? allocateBlocks();
    const { port, done } = this.#least().hash(blocks);
    return {
      port,
      blocks,
      done: (isFinished) => {
        done();
        // Memory that threads share is freed once all of them collect their garbage, which these seldom do.
        if (isFinished && this.#free.length < freeBlocksMax) this.#free.push(blocks);
      },
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#threads.splice(0).map((thread) => thread.close()));
  }

  #least(): DigestThread {
    if (this.#isClosed) throw new Error("layer workers are closed");
    const idle = this.#threads.find(({ load }) => load === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < Math.min(threadsMax, Math.max(1, Math.floor(availableParallelism() / coresPerThread)))) {
      const thread = new DigestThread(() => this.#threads.splice(this.#threads.indexOf(thread), 1));
      this.#threads.push(thread);
      return thread;
    }
    return this.#threads.reduce((least, thread) => (thread.load < least.load ? thread : least));
  }
}

class DigestThread {
  readonly #worker: Worker;
  readonly #answers = new Map<number, { hear: (answer: DigestAnswer) => void; lose: (error: Error) => void }>();
  readonly #onEnd: () => void;
  #count = 0;
  #load = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(new URL("./thread.ts", import.meta.url), {
      name: "digest",
      execArgv: ["--disable-warning=ExperimentalWarning"],
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 1 },
    });
    this.#worker.unref();
    this.#worker.on("message", (answer: DigestAnswer) => this.#answers.get(answer.id)?.hear(answer));
    this.#worker.on("error", (error: Error) => this.#lost(error));
    this.#worker.on("exit", () => this.#lost(new Error("digest thread ended")));
  }

  get load(): number {
    return this.#load;
  }

  follow(file: GrowingFile, algorithm: string, output: number, onProgress?: (bytes: number) => void): Followed {
    const done = this.#begin();
    const id = this.#count++;
    const { promise, resolve, reject } = Promise.withResolvers<{ digest: Digest; sizeBytes: number }>();
    const growth = (): { availableBytes: number; isWhole: boolean } => ({
      availableBytes: file.availableBytes,
      isWhole,
    });
    let isWhole = false;
    const send = (message: DigestRequest): void => this.#worker.postMessage(message);
    const end = file.onGrowth(() => send({ kind: "grow", id, ...growth() }));
    const finish = (settle: () => void): void => {
      if (!this.#answers.delete(id)) return;
      end();
      done();
      settle();
    };
    const cancel = (reason: unknown): void =>
      finish(() => {
        send({ kind: "cancel", id });
        reject(reason);
      });
    this.#answers.set(id, {
      hear: (answer) => {
        if (answer.kind === "taken") onProgress?.(answer.bytes);
        else if (answer.kind === "error") finish(() => reject(new Error(answer.message)));
        else finish(() => resolve({ digest: answer.digest, sizeBytes: answer.sizeBytes }));
      },
      lose: (error) => finish(() => reject(error)),
    });
    send({ kind: "follow", id, path: file.path, algorithm, output, ...growth() });
    file.complete.then(() => {
      isWhole = true;
      if (this.#answers.has(id)) send({ kind: "grow", id, ...growth() });
    }, cancel);
    promise.catch(() => {});
    return { finished: promise, mute: () => send({ kind: "mute", id }), cancel };
  }

  hash(blocks: SharedBlocks): { port: MessagePort; done: () => void } {
    const done = this.#begin();
    const { port1: port, port2: otherPort } = new MessageChannel();
    resetBlocks(blocks);
    this.#worker.postMessage({ kind: "blocks", port: otherPort, blocks } satisfies DigestRequest, [otherPort]);
    return { port, done };
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#worker.terminate();
  }

  #begin(): () => void {
    clearTimeout(this.#timer);
    this.#load++;
    return () => {
      this.#load--;
      if (this.#load > 0 || this.#hasEnded) return;
      this.#timer = setTimeout(() => {
        this.#lost(new Error("digest thread ended"));
        void this.#worker.terminate();
      }, idleMs).unref();
    };
  }

  #lost(error: Error): void {
    clearTimeout(this.#timer);
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
    for (const { lose } of this.#answers.values()) lose(error);
  }
}
