import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { duplicate } from "../../linux/file/pipe.ts";
import type { ArchiveStream } from "../../oci/layer/archive-stream.ts";

/**
 * The descriptor of the connection that an answer goes out on, when whoever has it may write the body by himself: a
 * plain socket, chunks, and no answer before this one. Null otherwise.
 */
export const descriptorOf = (response: ServerResponse, socket: Socket): number | null => {
  if (socket instanceof TLSSocket || !response.chunkedEncoding || response.socket !== socket || socket.destroyed)
    return null;
  // Node has no public name for it.
  const fd = (socket as { _handle?: { fd?: unknown } })._handle?.fd;
  return typeof fd === "number" && fd >= 0 ? fd : null;
};

/**
 * Has a worker thread write an answer's chunks to the connection itself: nothing of it passes through the event loop.
 * The headers must have been sent. On return only the last chunk, of no bytes, is missing.
 *
 * @throws what the archive fails with; the connection is cut then, so that the client sees it.
 */
export const handOver = async (archive: ArchiveStream, socket: Socket, fd: number): Promise<void> => {
  try {
    await written(socket);
    await archive.handOver(duplicate(fd), "chunked");
  } catch (error) {
    archive.destroy();
    socket.destroy();
    throw error;
  }
};

/** Resolves when all that was written so far is the kernel's. */
const written = (socket: Socket): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write("", (error) => (error ? reject(error) : resolve()));
  });
