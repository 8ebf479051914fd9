import { check, libc } from "../ffi.ts";

const getsockopt = libc("getsockopt", ["int", "int", "int", "void *", "void *"]);
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

export interface Credentials {
  pid: number;
  uid: number;
  gid: number;
}

/** Who is at the other end of a unix socket, as it was when it connected. **Source:** unix(7), SO_PEERCRED. */
export const peerCredentials = (fd: number): Credentials => {
  const value = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length), "getsockopt");
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
};
