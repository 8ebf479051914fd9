import type { Readable, Writable } from "node:stream";
import { systemError } from "../../base/errors.ts";
import { readLog } from "./json-file/read.ts";
import { BlockPool } from "./json-file/pool.ts";
import { LogStream, writeLog } from "./log-stream.ts";
import { parseBound } from "./time.ts";

/** What a log reader has to know of a container. */
export interface LoggedContainer {
  /** The shim's log file; null when nothing is kept (driver "none"). */
  logPath: string | null;
  /** A terminal's output is one stream, without frames. */
  tty: boolean;
  /** Fulfilled once the container has exited and its shim has written the last line; at once when it does not run. */
  ended: Promise<unknown>;
}

/** The query of `GET /containers/{id}/logs`, as it came. */
export interface LogRequest {
  stdout: boolean;
  stderr: boolean;
  follow?: boolean;
  timestamps?: boolean;
  details?: boolean;
  /** A number of records; anything else means all of them. */
  tail?: string;
  since?: string;
  until?: string;
  signal?: AbortSignal;
}

export interface LogReader {
  /**
   * Everything is checked before it returns. Destroying the stream, or aborting the signal, closes the log's files.
   * @throws EngineError
   */
  read(request: LogRequest): Readable;
  /**
   * Checks everything, and returns what writes the log to a client, as fast as it takes it and with buffers that are
   * used again. It is fulfilled when all is written or the client has left, and leaves `client` open.
   * @throws EngineError
   */
  prepare(request: LogRequest): (client: Writable) => Promise<void>;
}

/** `docker logs` of one container. **Source:** Engine API, ContainerLogs. */
export const open = (container: LoggedContainer): LogReader => ({
  read(request) {
    const { start, stop } = plan(container, request);
    return new LogStream(start(), stop);
  },
  prepare(request) {
    const pool = new BlockPool();
    const { start, stop } = plan(container, request, pool);
    return (client) => writeLog(start(), client, stop, pool);
  },
});

interface Plan {
  start: () => AsyncGenerator<Buffer>;
  stop: AbortController;
}

const plan = ({ logPath, tty, ended }: LoggedContainer, request: LogRequest, pool?: BlockPool): Plan => {
  if (logPath === null) throw systemError("configured logging driver does not support reading");
  const stop = new AbortController();
  const signal = request.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, request.signal]);
  const options = {
    stdout: request.stdout,
    stderr: request.stderr,
    timestamps: request.timestamps ?? false,
    details: request.details ?? false,
    framed: !tty,
    since: parseBound(request.since),
    until: parseBound(request.until),
    tail: parseTail(request.tail),
    follow: request.follow ?? false,
    ended,
    signal,
    ...(pool === undefined ? {} : { pool }),
  };
  return { start: () => readLog(logPath, options), stop };
};

/** Go's strconv.Atoi; what it refuses, and negative numbers, mean all. */
const parseTail = (tail: string | undefined): number | null => {
  const count = /^[+-]?\d+$/.test(tail ?? "") ? Number(tail) : -1;
  return count < 0 || !Number.isSafeInteger(count) ? null : count;
};
