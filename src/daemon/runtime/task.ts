import type { Duplex } from "node:stream";
import type { Resources } from "../../wire/engine/container.ts";

/** How a task ended. */
export interface ExitStatus {
  /** 0–255; 128 + n when signal n killed it; 255 when its shim died. */
  exitCode: number;
  oomKilled: boolean;
  /** Nanoseconds since the Unix epoch. */
  exitedAtNs: bigint;
}

/** Which streams an attached client takes part in. */
export interface AttachStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** True for a terminal: plain bytes. False: output in Docker's frames, 8 bytes [stream, 0, 0, 0, length32be]. */
  raw: boolean;
}

/** A process started by an OCI runtime under a shim: a container's first process, or an exec. */
export interface Task extends AsyncDisposable {
  readonly pid: number;
  /** Nanoseconds since the Unix epoch. */
  readonly startedAtNs: bigint;
  /** Never rejects. */
  readonly exited: Promise<ExitStatus>;
  /**
   * The process's streams for one more client. Reading gives the bytes as they go over the API's wire, `end` comes once
   * the process's output has ended; writing gives plain stdin bytes, ending it ends the process's stdin (when it is to
   * end with its first client); destroying it detaches.
   */
  attach(streams: AttachStreams): Promise<Duplex>;
  /** Tells the terminal its size. */
  resize(rows: number, columns: number): void;
  /** Sends a signal to the process; false when it has ended. */
  signal(number: number): boolean;
  /** Freezes and thaws everything in its cgroup. Not for execs. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Changes the limits of its cgroup. Not for execs. */
  update(resources: Resources): Promise<void>;
  /** The processes of its cgroup, as the host numbers them. */
  pids(): number[];
}
