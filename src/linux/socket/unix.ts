import { closeSync, fchmodSync } from "node:fs";
import { SystemError } from "../error.ts";
import { check, libc } from "../ffi.ts";

const socket = libc("socket", ["int", "int", "int"]);
const bind = libc("bind", ["int", "void *", "uint"]);
const listen = libc("listen", ["int", "int"]);

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
/** **Source:** unix(7), sun_path. */
const maxPathBytes = 108;
const EINVAL = 22;

/**
 * A listening unix socket whose file is never open to more than `mode` says, whatever the process's umask is: the umask is
 * the process's, and another engine in it may be making files at the same time.
 *
 * @returns the descriptor, close-on-exec; the file stays when it is closed.
 * @throws SystemError EADDRINUSE: there is something at `path`; EINVAL: it is too long; ENOENT, EACCES …
 *
 * **Source:** unix(7); unix_bind() of the kernel, which gives the file the socket's own mode.
 */
export const listenUnix = (path: string, mode: number, backlog: number): number => {
  const bytes = Buffer.from(path);
  if (bytes.length >= maxPathBytes || bytes.includes(0)) throw new SystemError(EINVAL, "bind", path);
  const address = Buffer.alloc(2 + bytes.length + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  address.set(bytes, 2);
  const fd = check(socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0), "socket", path);
  try {
    fchmodSync(fd, mode);
    check(bind(fd, address, address.length), "bind", path);
    check(listen(fd, backlog), "listen", path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
};
