import type { Writable } from "node:stream";
import { invalidParameter, notImplemented } from "../../base/errors.ts";
import { type LogRequest, open } from "../log/reader.ts";
import type { ContainerContext } from "./context.ts";
import { logFile } from "./folders.ts";
import type { ContainerRecord } from "./record.ts";

/**
 * The log of a container as the API sends it: frames, or plain bytes of a terminal's.
 * @throws EngineError not-found, invalid-parameter, not-implemented for a driver that keeps nothing
 */
export const logs = (context: ContainerContext, reference: string, request: LogRequest): LogAnswer => {
  const record = context.containers.find(reference);
  if (!request.stdout && !request.stderr) {
    throw invalidParameter("Bad parameters: you must choose at least one stream");
  }
  return logOf(context, record, request);
};

/** A log that may be sent: everything that HTTP can still say has been checked. */
export interface LogAnswer {
  /** A terminal's output is plain bytes, else it comes in frames. */
  tty: boolean;
  /** Writes the log as fast as the client takes it; fulfilled at its end or when the client has left. */
  write(client: Writable): Promise<void>;
}

/** The same for a container that is at hand. */
export const logOf = (context: ContainerContext, record: Readonly<ContainerRecord>, request: LogRequest): LogAnswer => {
  const tty = record.config.Tty ?? false;
  if (record.hostConfig.LogConfig?.Type === "none")
    throw notImplemented("configured logging driver does not support reading");
  const reader = open({
    logPath: logFile(context.settings, record.id),
    tty,
    ended: context.live.find(record.id)?.task?.exited ?? Promise.resolve(),
  });
  return { tty, write: reader.prepare(request) };
};
