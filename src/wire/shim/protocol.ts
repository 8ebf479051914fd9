/**
 * What the daemon and berth-shim say to each other, over a stream socket in the task's folder. Every message is a frame
 * with Docker's stream header: `[type, 0, 0, 0, length as a big-endian uint32]`.
 *
 * A connection starts with the client's `hello`, answered by `welcome`. A *control* connection then speaks frames both
 * ways. An *attach* connection carries plain stdin bytes towards the shim (a half-close ends them) and, towards the
 * client, stdout and stderr frames, or plain bytes when `raw` was asked for. The connections that a shim inherits at its
 * start (control as descriptor 3, attaches made before the start) need no hello, and get no welcome.
 *
 * **Source:** native/shim/shim.h.
 */
export const protocolVersion = 1;

/** Frame types. Up to 3 they are those of Docker's attach stream. */
export const FrameType = {
  stdout: 1,
  stderr: 2,
  /** shim → client: {@link Welcome}. */
  welcome: 16,
  /** shim → control: {@link Started}. */
  started: 17,
  /** shim → control: {@link StartError}. */
  startFailed: 18,
  /** shim → control: {@link ExitFile}; the shim closes the connection after it. */
  exited: 19,
  /** shim → control: {@link OutOfMemory}. */
  oom: 20,
  /** client → shim: `[version, kind (0 control, 1 attach), streams, 0]`. */
  hello: 32,
  /** control → shim: `[rows, columns]` as big-endian uint16. */
  resize: 33,
  /** control → shim: closes the process's stdin once what was sent before is written. */
  closeStdin: 34,
  /** control → shim: closes reserved ports and relays. */
  releasePorts: 35,
} as const;

/** Bits of the `streams` byte of an attach. */
export const StreamBit = { stdin: 1, stdout: 2, stderr: 4, raw: 8 } as const;

export interface Welcome {
  /** The shim's protocol version; a newer daemon speaks the older shim's. */
  version: number;
  /** The shim's own process id. */
  pid: number;
}

/** The process that runs: its id in the host's namespace, and what tells it from a later process of that id. */
export interface Started {
  pid: number;
  /** Clock ticks since boot. */
  startTime: number;
  /** Nanoseconds since 1970, decimal. */
  startedAt: string;
}

/** Why the process never ran. */
export interface StartError {
  /** The runtime's exit status (128 + n: it was killed); 0 when the shim itself failed. */
  status: number;
  /** The first 4 KiB of what the runtime, or the shim, said. */
  stderr: string;
  /** The first 4 KiB of the runtime's log: one JSON object a line. */
  log: string;
}

export interface OutOfMemory {
  /** Processes killed in this memory cgroup so far. */
  kills: number;
}

/** `exit.json`: how the process ended. It is there, whole, before the shim's socket goes. */
export interface ExitFile {
  version: number;
  /** 0–255; 128 + n when signal n killed it. */
  exitCode: number;
  /** Nanoseconds since 1970, decimal. */
  exitedAt: string;
  oomKilled: boolean;
  /** Bytes of output that a full disk kept out of the log. */
  logDroppedBytes: number;
  /** Present when the process never ran. */
  startError?: StartError;
}

/** `shim.json`: who the shim is, for a daemon that comes later. Written before the runtime is started. */
export interface ShimFile {
  version: number;
  pid: number;
  /** Clock ticks since boot. */
  startTime: number;
  /** Null until the process runs. */
  process: Started | null;
}

/** Files in a task's folder. */
export const taskFiles = { socket: "shim.sock", shim: "shim.json", exit: "exit.json", pid: "pid" } as const;
