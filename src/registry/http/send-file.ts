import { readSync } from "node:fs";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { cachedReader } from "../../linux/file/read-cached.ts";
import type { CachedReader } from "../../linux/file/read-cached.ts";
import { sendingEnd } from "../../linux/socket/send-file.ts";
import type { StoredObject } from "../storage/storage.ts";
import type { Transfers } from "./transfers.ts";

/** Below this the first write takes all of it. */
const minBytes = 256 * 1024;
/** What the kernel is asked to move at once. */
const stepBytes = 4 * 1024 * 1024;
/** What is written the usual way to wait for room in the connection. */
const waitBytes = 64 * 1024;
/** What a transfer without others beside it copies at once. */
const copyBytes = 256 * 1024;
/** After so much of it others have their turn: a connection that is never full would keep the event loop. */
const turnBytes = 1024 * 1024;

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
 * While it is the only one, what is in memory is copied instead: the processor that this takes is free then, and whoever
 * takes large buffers out of the connection has less work with them than with the file's own pages, one by one.
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
  transfers: Transfers,
): Promise<boolean> => {
  const { socket } = response;
  const { descriptor } = stored;
  if (descriptor === undefined || end - start < minBytes || socket === null || "encrypted" in socket) return false;
  using connection = sendingEnd(socket);
  if (connection === undefined) return false;
  using _transfer = transfers.begin();
  const buffer = Buffer.allocUnsafe(waitBytes);
  let cached: CachedReader | undefined;
  try {
    response.flushHeaders();
    await write(socket, Buffer.alloc(0));
    for (let [position, turn] = [start, 0]; position < end;) {
      if (socket.destroyed) throw new Error("the client has left");
      if (transfers.count === 1) {
        const bytes = (cached ??= cachedReader(copyBytes)).read(descriptor, position, end - position);
        if (bytes.length > 0) {
          await write(socket, bytes);
          position += bytes.length;
          turn += bytes.length;
          if (turn >= turnBytes) await setImmediate();
          turn %= turnBytes;
          continue;
        }
      }
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
