import { failure, lastErrno, libc } from "../ffi.ts";

const pollCall = libc("poll", ["void *", "ulong", "int"]);
const shutdownCall = libc("shutdown", ["int", "int"]);
const POLLOUT = 4;
const EINTR = 4;
const SHUT_RDWR = 2;
const pollfdBytes = 8;

/**
 * Blocks the calling thread until a descriptor takes bytes, has failed, or `timeoutMs` has passed: for worker threads
 * that write to a descriptor which the event loop has made non-blocking.
 *
 * **Source:** poll(2).
 */
export const waitWritable = (fd: number, timeoutMs: number): void => {
  const entry = Buffer.alloc(pollfdBytes);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(POLLOUT, 4);
  if (pollCall(entry, 1, timeoutMs) < 0 && lastErrno() !== EINTR) throw failure("poll");
};

/** Ends a connection both ways for whoever has a descriptor of it: a write that waits fails. No failure is told. */
export const shutdownSocket = (fd: number): void => void shutdownCall(fd, SHUT_RDWR);
