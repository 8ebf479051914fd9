import { check, libc } from "../ffi.ts";

const pipe2 = libc("pipe2", ["void *", "int"]);
const fcntl = libc("fcntl", ["int", "int", "int"]);
const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;
const F_DUPFD_CLOEXEC = 1030;

/** Both ends of a new pipe, closed in programs that are executed. `sizeBytes` asks for a larger buffer than 64 KiB. */
export const pipe = (sizeBytes?: number): { read: number; write: number } => {
  const ends = Buffer.alloc(8);
  check(pipe2(ends, O_CLOEXEC), "pipe2");
  const read = ends.readInt32LE(0);
  // A smaller pipe than asked for is only slower: the limit of the user (EPERM) is no failure.
  if (sizeBytes !== undefined) fcntl(read, F_SETPIPE_SZ, sizeBytes);
  return { read, write: ends.readInt32LE(4) };
};

/** A second descriptor of the same open file, numbered `least` or above, closed in programs that are executed. */
export const duplicate = (fd: number, least = 0): number => check(fcntl(fd, F_DUPFD_CLOEXEC, least), "fcntl");
