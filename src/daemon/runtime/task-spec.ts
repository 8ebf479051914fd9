import type { Owner } from "../../linux/namespace/id-mapping.ts";
import type { OciProcess, OciSpec } from "../../wire/oci/runtime.ts";
import type { AttachStreams } from "./shim/attach.ts";
import type { ShimLog, ShimRelay } from "./shim/arguments.ts";

/** What the process's streams are connected to. */
export interface TaskStreams {
  /** Keeps stdin open, else it is /dev/null. `once`: it ends with the first attached client's. */
  stdin?: "open" | "once";
  /** The PTY's first size, when the process has one. */
  terminal?: { rows: number; columns: number };
  /** Attaches that see every byte from the first; their sockets are in the task's `attached`. */
  attach?: AttachStreams[];
}

/** A container to be started. */
export interface TaskSpec extends TaskStreams {
  id: string;
  /** The task's own folder, absolute, below the exec root; made when missing. Everything in it is the runtime room's. */
  dir: string;
  /** Name of the OCI runtime; absent: the default one. */
  runtime?: string;
  spec: OciSpec;
  log?: ShimLog;
  /** Reserved sockets that the shim keeps open. */
  holdFds?: number[];
  relays?: ShimRelay[];
  /** Called once the shim is on its way: what the caller does then costs nothing while the runtime works. */
  spawned?: () => void;
  /** Told the name of each step when it is done. */
  trace?: (step: string) => void;
}

/** A further process in a running container. */
export interface ExecSpec extends TaskStreams {
  /** The exec's own folder, absolute; made when missing. */
  dir: string;
  process: OciProcess;
  /** Who the container's root is on the host, when it has a user namespace. */
  owner?: Owner | undefined;
  trace?: (step: string) => void;
}

/** How a task ended. */
export interface ExitStatus {
  /** 0–255; 128 + n when signal n killed it; 255 when its shim died. */
  exitCode: number;
  oomKilled: boolean;
  /** Nanoseconds since 1970. */
  exitedAt: bigint;
  /** Bytes of output that a full disk kept out of the log. */
  logDroppedBytes: number;
}
