import type { Duplex } from "node:stream";
import { detachFilter } from "./detach-keys.ts";

export interface ConnectOptions {
  stdin: boolean;
  /** The sequence that detaches, for terminals; undefined where input is only data. */
  detachKeys: Buffer | undefined;
}

/**
 * Joins a client to a process's streams until the process ends its output, the client leaves, or it types the detach
 * keys. The client's half-close ends the process's stdin while output goes on; a slow client holds the process back.
 * @param streams readable: what the client is to see, as it goes over the wire; writable: the process's stdin
 */
export const connect = (
  streams: Duplex,
  client: Duplex,
  options: ConnectOptions,
): Promise<"ended" | "detached" | "left"> =>
  new Promise((resolve) => {
    let settled = false;
    const finish = (how: "ended" | "detached" | "left"): void => {
      if (settled) return;
      settled = true;
      // Both sides may be half-open: nobody else closes this one.
      streams.destroy();
      if (how !== "left") client.end();
      resolve(how);
    };
    streams.on("error", () => finish("ended"));
    streams.on("end", () => finish("ended"));
    streams.on("close", () => finish("ended"));
    client.on("error", () => finish("left"));
    client.on("close", () => finish("left"));
    // A process without output may have ended before anybody listened.
    if (streams.readableEnded || streams.destroyed) return finish("ended");
    streams.pipe(client, { end: false });
    if (!options.stdin) {
      client.resume();
      return;
    }
    if (options.detachKeys) {
      const filter = detachFilter(options.detachKeys, () => finish("detached"));
      client.pipe(filter).pipe(streams);
    } else {
      client.pipe(streams);
    }
  });
