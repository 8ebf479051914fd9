import { closeSync } from "node:fs";
import { constants } from "node:os";
import { Socket } from "node:net";
import { check, libc, syscall } from "../ffi.ts";
import { pipe } from "../file/pipe.ts";

/** How a process ended: `code` 0–255 when it exited, `signal` when one killed it. */
export interface Exit {
  code: number | null;
  signal: number | null;
}

const pidfdOpen = syscall(434, ["int", "uint"]);
const waitpid = libc("waitpid", ["int", "void *", "int"]);
const WNOHANG = 1;

interface Handle {
  open(fd: number): number;
}

type StreamHandle = new (kind: number) => Handle;

/** The class of libuv's stream over a plain descriptor, which Node shows only inside a socket made of one. */
const Stream: StreamHandle = ((): StreamHandle => {
  const { read, write } = pipe();
  closeSync(write);
  const probe = new Socket({ fd: read, writable: false });
  const { _handle: handle } = probe as unknown as { _handle: { constructor: StreamHandle } };
  const { constructor } = handle;
  probe.destroy();
  return constructor;
})();

/** What is watched until a child ends; `unref` lets this process end before it. */
export interface ExitWatch {
  exited: Promise<Exit>;
  unref: () => void;
}

/**
 * Waits for a child of this process and reaps it. A pidfd becomes readable when its process ends, and libuv polls any
 * descriptor that is handed to it as a stream: reading the pidfd then fails with EINVAL, and that error is the exit.
 * So the event loop's own epoll sees it: no SIGCHLD handler (it would be the whole process's), no thread of the pool
 * held, nothing polled, nothing that a grandchild with an inherited pipe could hold open. Spawn and watch together block for 0.25 ms.
 *
 * **Source:** pidfd_open(2), waitpid(2).
 */
export const watchExit = (pid: number): ExitWatch => {
  const pidfd = check(pidfdOpen(pid, 0), "pidfd_open");
  const handle = new Stream(0);
  if (handle.open(pidfd) !== 0) {
    closeSync(pidfd);
    throw new Error("this Node cannot watch a pidfd");
  }
  const socket = new Socket({ handle, readable: true, writable: false } as object);
  const exited = new Promise<Exit>((resolve, reject) => {
    socket
      .on("error", () => {})
      .once("close", () => {
        try {
          resolve(reap(pid));
        } catch (error) {
          reject(error as Error);
        }
      });
  });
  socket.resume();
  return { exited, unref: () => void socket.unref() };
};

const reap = (pid: number): Exit => {
  const status = Buffer.alloc(4);
  if (check(waitpid(pid, status, WNOHANG), "waitpid") === 0) throw new Error(`process ${pid} is still running`);
  const word = status.readInt32LE();
  const signal = word & 0x7f;
  return signal === 0 ? { code: (word >> 8) & 0xff, signal: null } : { code: null, signal };
};

/** The status a shell shows: the exit code, or 128 and the signal. */
export const statusOf = (exit: Exit): number => exit.code ?? 128 + (exit.signal ?? constants.signals.SIGKILL);
