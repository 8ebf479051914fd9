import { readSync } from "node:fs";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { sendingEnd } from "../../linux/socket/send-file.ts";
import type { StoredObject } from "../storage/storage.ts";

/** Below this the first write takes all of it. */
const minBytes = 256 * 1024;
/** What the kernel is asked to move at once. */
const stepBytes = 4 * 1024 * 1024;
/** What is written the usual way to wait for room in the connection. */
const waitBytes = 64 * 1024;

const write = (socket: Socket, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    const leave = (): void => reject(new Error("the client has left"));
    socket.once("close", leave);
    socket.write(bytes, (error) => {
      socket.off("close", leave);
      if (error) reject(error);
      else resolve();
    });
  });

/**
 * Sends a part of a stored file as the body of an answer whose head was written, inside the kernel: the bytes do not come
 * by here. When the connection is full, a piece is written to the socket, which tells when there is room again.
 *
 * @returns false, having done nothing, when it cannot be done so: TLS, a store that is no file, little to send, an
 * answer that waits for its turn
 * @throws when the client has left; the connection is broken then
 */
export const sendFile = async (
  response: ServerResponse,
  stored: StoredObject,
  start: number,
  end: number,
): Promise<boolean> => {
  const { socket } = response;
  const { descriptor } = stored;
  if (descriptor === undefined || end - start < minBytes || socket === null || "encrypted" in socket) return false;
  using connection = sendingEnd(socket);
  if (connection === undefined) return false;
  const buffer = Buffer.allocUnsafe(waitBytes);
  try {
    response.flushHeaders();
    await write(socket, Buffer.alloc(0));
    for (let position = start; position < end;) {
      if (socket.destroyed) throw new Error("the client has left");
      const wanted = Math.min(stepBytes, end - position);
      const moved = await connection.sendFrom(descriptor, position, wanted);
      position += moved;
      // The socket knows nothing of it: its idle time begins anew.
      socket.setTimeout(socket.timeout ?? 0);
      if (moved === wanted) continue;
      // The connection is full. What comes next is in memory: the kernel reads ahead of what it moves.
      const read = readSync(descriptor, buffer, 0, Math.min(waitBytes, end - position), position);
      if (read === 0) throw new Error("a stored object is shorter than it was");
      await write(socket, buffer.subarray(0, read));
      position += read;
    }
    response.end();
    return true;
  } catch (error) {
    response.destroy();
    throw error;
  }
};
