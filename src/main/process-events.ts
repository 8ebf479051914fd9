import type { Log } from "../base/logger.ts";

/** After this many signals the daemon ends without waiting for anything. */
const forcedAfterSignals = 3;

/**
 * The process-wide handlers of the daemon.
 * @returns resolves with the signal that asks for an orderly end.
 */
export const watchProcess = (log: Log): Promise<NodeJS.Signals> => {
  // A fault in one call must not end the others; after a fault outside of any call nothing is certain: a new daemon
  // takes over the running containers.
  process.on("unhandledRejection", (error) => log("error", "unhandled rejection", error));
  process.on("uncaughtException", (error) => {
    log("fatal", "uncaught exception", error);
    process.exit(1);
  });
  let signals = 0;
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => (++signals < forcedAfterSignals ? resolve(signal) : process.exit(1)));
  }
  return promise;
};
