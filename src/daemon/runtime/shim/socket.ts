import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { FrameType, protocolVersion, taskFiles } from "../../../wire/shim/protocol.ts";
import type { Welcome } from "../../../wire/shim/protocol.ts";
import { encodeFrame, frameHeaderBytes } from "./frame.ts";

/** The longest path that fits a socket address. **Source:** unix(7). */
const socketPathBytes = 107;
const welcomeBytes = 4096;

/** One end of a socketpair, or any connected stream socket, as a Node socket that keeps half-closes apart. */
export const socketOf = (fd: number): Socket => new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });

const connect = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = new Socket({ allowHalfOpen: true });
    socket.once("error", reject);
    socket.connect({ path }, () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });

/** Connects to the socket in a folder whose path may be longer than a socket address can be. */
const connectIn = async (dir: string, name: string): Promise<Socket> => {
  const path = join(dir, name);
  if (Buffer.byteLength(path) <= socketPathBytes) return await connect(path);
  const fd = openSync(dir, "r");
  try {
    return await connect(`/proc/self/fd/${fd}/${name}`);
  } finally {
    closeSync(fd);
  }
};

/**
 * Connects to a running shim and says hello. What the shim has sent behind its welcome is left in the socket.
 *
 * @param streams the attach's stream bits, or null for a control connection.
 * @throws a system error (ENOENT, ECONNREFUSED) when no shim listens, Error when it hangs up or is newer than this daemon.
 */
export const openSocket = async (
  dir: string,
  streams: number | null,
): Promise<{ socket: Socket; welcome: Welcome }> => {
  const socket = await connectIn(dir, taskFiles.socket);
  try {
    socket.write(
      encodeFrame(FrameType.hello, Buffer.from([protocolVersion, streams === null ? 0 : 1, streams ?? 0, 0])),
    );
    const welcome = await readWelcome(socket);
    if (welcome.version > protocolVersion) throw new Error(`the shim speaks protocol ${welcome.version}`);
    return { socket, welcome };
  } catch (error) {
    socket.destroy();
    throw error;
  }
};

/** Reads the first frame and nothing behind it, and leaves the socket as new: neither paused nor flowing. */
const readWelcome = (socket: Socket): Promise<Welcome> =>
  new Promise((resolve, reject) => {
    const onEnd = (): void => reject(new Error("the shim hung up"));
    let size: number | null = null;
    const onReadable = (): void => {
      if (size === null) {
        const header = socket.read(frameHeaderBytes) as Buffer | null;
        if (header === null) return;
        size = header.readUInt32BE(4);
        if (header[0] !== FrameType.welcome || size > welcomeBytes)
          return reject(new Error("the shim gave no welcome"));
      }
      const payload = socket.read(size) as Buffer | null;
      if (payload === null) return;
      socket.off("readable", onReadable).off("error", reject).off("end", onEnd).off("close", onEnd);
      resolve(JSON.parse(payload.toString()) as Welcome);
    };
    socket.on("readable", onReadable).on("error", reject).on("end", onEnd).on("close", onEnd);
  });
