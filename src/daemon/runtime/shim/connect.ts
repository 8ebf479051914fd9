import { isCode } from "../../../linux/error.ts";
import { startTime } from "../../../linux/process/start-time.ts";
import type { ExitFile, Started } from "../../../wire/shim/protocol.ts";
import { ShimConnection } from "./connection.ts";
import { readExitFile, readShimFile } from "./exit-file.ts";
import { openSocket } from "./socket.ts";

/** What a daemon finds in the folder of a task that an earlier one started. */
export type FoundShim =
  | { state: "running"; connection: ShimConnection; process: Started }
  | { state: "exited"; exit: ExitFile }
  /** The shim was killed; `process` is what it ran, when that still runs. */
  | { state: "lost"; process: Started | null };

/**
 * Finds the shim of a task's folder again. Waits for a start that is under way.
 */
export const connectShim = async (dir: string): Promise<FoundShim> => {
  try {
    const { socket } = await openSocket(dir, null);
    const connection = new ShimConnection(dir, socket);
    try {
      return { state: "running", connection, process: await connection.started };
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    const exit = await readExitFile(dir);
    if (exit !== null) return { state: "exited", exit };
    const shim = await readShimFile(dir);
    if (shim !== null && startTime(shim.pid) === shim.startTime && !isCode(error, "ENOENT", "ECONNREFUSED"))
      throw error;
    const left = shim?.process ?? null;
    return { state: "lost", process: left !== null && startTime(left.pid) === left.startTime ? left : null };
  }
};
