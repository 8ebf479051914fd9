import type { Socket } from "node:net";
import { kill } from "../../linux/process/kill.ts";
import { startTime } from "../../linux/process/start-time.ts";
import type { ExitFile, Started } from "../../wire/shim/protocol.ts";
import type { AttachStreams } from "./shim/attach.ts";
import type { ShimConnection } from "./shim/connection.ts";
import type { ExitStatus } from "./task-spec.ts";

/** What a process whose shim died is recorded with: nobody can know better. */
export const lostExitCode = 255;

const SIGKILL = 9;

export const exitStatusOf = (exit: ExitFile): ExitStatus => ({
  exitCode: exit.exitCode,
  oomKilled: exit.oomKilled,
  exitedAt: BigInt(exit.exitedAt),
  logDroppedBytes: exit.logDroppedBytes,
});

export const lostStatus = (): ExitStatus => ({
  exitCode: lostExitCode,
  oomKilled: false,
  exitedAt: BigInt(Date.now()) * 1_000_000n,
  logDroppedBytes: 0,
});

/** A process that runs under a shim: a container's first one, or an exec's. */
export class TaskProcess implements Disposable {
  /** In the host's pid namespace. */
  readonly pid: number;
  /** Nanoseconds since 1970. */
  readonly startedAt: bigint;
  /** How it ended. Never rejects. A shim that dies takes its process along: 255. */
  readonly exited: Promise<ExitStatus>;
  /** The attaches that were asked for before the start, in that order. */
  readonly attached: readonly Socket[];
  readonly #connection: ShimConnection;
  readonly #startTime: number;
  #ended = false;
  #released = false;

  constructor(connection: ShimConnection, started: Started, attached: readonly Socket[], onLost: () => Promise<void>) {
    this.#connection = connection;
    this.pid = started.pid;
    this.startedAt = BigInt(started.startedAt);
    this.#startTime = started.startTime;
    this.attached = attached;
    this.exited = this.#exit(onLost);
  }

  /** True until the process is known to have ended. */
  get running(): boolean {
    return !this.#ended;
  }

  /** Called at each kill for want of memory, with the kills so far. */
  set onOom(listener: (kills: number) => void) {
    this.#connection.onOom = listener;
  }

  /** A new attach; output from now on. @throws Error when the shim is gone. */
  attach(streams: AttachStreams): Promise<Socket> {
    return this.#connection.attach(streams);
  }

  /** Sets the size of the process's terminal; nothing happens when it has none. */
  resize(rows: number, columns: number): void {
    this.#connection.resize(rows, columns);
  }

  /** Closes the process's stdin once what was sent before is written. */
  closeStdin(): void {
    this.#connection.closeStdin();
  }

  /** Makes the reserved ports free although the process runs on. */
  releasePorts(): void {
    this.#connection.releasePorts();
  }

  /** Sends a signal by number. False: the process has ended already. */
  signal(number: number): boolean {
    // A pid may have been given to another process by now; the time of its start tells.
    return !this.#ended && startTime(this.pid) === this.#startTime && kill(this.pid, number);
  }

  /** Lets go of the shim: process and shim run on, for a later `adopt`. */
  [Symbol.dispose](): void {
    this.#released = true;
    this.#connection[Symbol.dispose]();
  }

  async #exit(onLost: () => Promise<void>): Promise<ExitStatus> {
    const exit = await this.#connection.exited;
    // Let go of, not lost: how it ends is for whoever adopts it.
    if (exit === null && this.#released) return await new Promise<never>(() => {});
    if (exit === null) {
      this.signal(SIGKILL);
      await onLost();
    }
    this.#ended = true;
    return exit === null ? lostStatus() : exitStatusOf(exit);
  }
}
