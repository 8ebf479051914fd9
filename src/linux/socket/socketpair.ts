import { check, libc } from "../ffi.ts";

const socketpairCall = libc("socketpair", ["int", "int", "int", "void *"]);
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;

/** Two connected stream sockets, closed in programs that are executed. **Source:** socketpair(2). */
export const socketpair = (): [number, number] => {
  const pair = Buffer.alloc(8);
  check(socketpairCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
};
