import { connect } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";

/** A connection to a shim on which nothing has been said yet. */
export const socketOfShim = (dir: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(join(dir, "shim.sock"), () => resolve(socket)).once("error", reject);
  });
