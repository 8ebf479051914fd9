import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { duplicate, pipe } from "../../linux/file/pipe.ts";
import { shutdownSocket } from "../../linux/socket/ready.ts";
import type { Framing } from "./worker/output.ts";

/** Most bytes on their way between a worker thread and the reader. */
const pipeBytes = 1 << 20;
/** Most bytes that are read at a time. */
const readBytes = 1 << 18;

/** What a worker thread writes. */
export interface ArchiveJob {
  /** Begins writing to a descriptor, which the job closes; settles when all is written or has failed. */
  run(output: number, framing: Framing): Promise<unknown>;
  /** Lets go of what the job would have used; called instead of `run` when nobody wants it. */
  abandon(): void;
  /** Aborted when the threads end. */
  closing: AbortSignal;
}

/**
 * An archive that a worker thread writes. It is read as any stream, or handed over to a connection's descriptor, which
 * the thread then writes to by itself; either way the work begins then, not before. Destroying it ends the work at the
 * thread's next write.
 */
export class ArchiveStream extends Readable {
  readonly #job: ArchiveJob;
  #state: "new" | "read" | "handed-over" = "new";
  #socket: Socket | undefined;
  #end: () => void = () => {};

  constructor(job: ArchiveJob) {
    super({ highWaterMark: readBytes });
    this.#job = job;
  }

  /** True until the first byte is asked for: only then may it be handed over. */
  get isUntouched(): boolean {
    return this.#state === "new" && !this.destroyed;
  }

  /**
   * Has everything written to a descriptor of a socket instead of being read. The descriptor is taken over.
   *
   * @throws what the job fails with; Error when it was read or handed over already.
   */
  async handOver(fd: number, framing: Framing): Promise<void> {
    const { closing } = this.#job;
    if (!this.isUntouched || closing.aborted) {
      closeSync(fd);
      throw new Error("the archive is not to be had any more");
    }
    this.#state = "handed-over";
    // The thread closes its descriptor when it is done: the number may be another file's by the time this hears of it.
    const own = duplicate(fd);
    const end = (): void => shutdownSocket(own);
    this.#end = end;
    closing.addEventListener("abort", end);
    try {
      await this.#job.run(fd, framing);
    } finally {
      this.#end = () => {};
      closing.removeEventListener("abort", end);
      closeSync(own);
      this.destroy();
    }
  }

  override _read(): void {
    if (this.#state === "new") this.#start();
    this.#socket?.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#state === "new") this.#job.abandon();
    this.#state = this.#state === "new" ? "read" : this.#state;
    this.#end();
    this.#socket?.destroy();
    done(error);
  }

  #start(): void {
    this.#state = "read";
    const { read, write } = pipe(pipeBytes);
    const socket = new Socket({ fd: read, readable: true, writable: false });
    this.#socket = socket;
    const close = (): void => void this.destroy(new Error("layer workers are closed"));
    const { closing } = this.#job;
    closing.addEventListener("abort", close);
    // The end of the pipe says nothing about success: the end of the stream is held back until the job has answered.
    const job = this.#job.run(write, "none");
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    job
      .then(() => ended)
      .then(
        () => this.push(null),
        (error: unknown) => this.destroy(error as Error),
      )
      .finally(() => closing.removeEventListener("abort", close));
    socket.on("data", (chunk: Buffer) => void (this.push(chunk) || socket.pause()));
    socket.on("error", (error) => this.destroy(error));
  }
}
