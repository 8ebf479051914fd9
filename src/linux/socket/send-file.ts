import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { libcAsync } from "../ffi.ts";
import { duplicate } from "../file/pipe.ts";

const sendfileCall = libcAsync("sendfile", ["int", "int", "void *", "size_t"], "long");

/** A connection's descriptor, duplicated: it stays this connection's whatever becomes of the socket. */
export interface SendingEnd extends Disposable {
  /**
   * Moves bytes of a file into the connection inside the kernel, as many as it takes without waiting; on a thread of
   * libuv's pool, since the file may have to be read from its disk.
   *
   * @returns bytes moved; 0 when it takes none now, or failed: a write to the socket then waits, or says why
   */
  sendFrom(file: number, position: number, size: number): Promise<number>;
}

/**
 * The descriptor of a connection without TLS for `sendfile`; undefined when the socket has none (any more).
 *
 * **Source:** sendfile(2).
 */
export const sendingEnd = (socket: Socket): SendingEnd | undefined => {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } | null };
  if (typeof handle?.fd !== "number" || handle.fd < 0) return undefined;
  const fd = duplicate(handle.fd);
  const offset = Buffer.alloc(8);
  return {
    async sendFrom(file, position, size) {
      offset.writeBigInt64LE(BigInt(position));
      return Math.max(0, Number(await sendfileCall(fd, file, offset, size)));
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
};
