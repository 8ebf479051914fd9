import type { Duplex } from "node:stream";
import { conflict } from "../../../base/errors.ts";
import type { ContainerContext } from "../context.ts";
import { logOf } from "../logs.ts";
import { type ContainerRecord, eventAttributes } from "../record.ts";
import { isPaused } from "../state.ts";
import { connect, type ConnectOptions } from "./connect.ts";
import { parseDetachKeys } from "./detach-keys.ts";
import { PendingAttachment } from "./pending.ts";

export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Follow the streams; without it only the logs are sent. */
  stream: boolean;
  /** Send what was logged so far first. */
  logs: boolean;
  /** "" for the default, ctrl-p ctrl-q. */
  detachKeys: string;
}

/** An attach that may go ahead: everything that HTTP can still say has been checked. */
export interface Attachment {
  /** With a terminal the stream is raw, without one it comes in frames. */
  tty: boolean;
  /**
   * Serves the connection until both sides are done and closes it; does not throw for a client that left. Iterating over
   * `client` would end its writing side with its reading side: listen for `data` and `end`, or pipe.
   */
  run(client: Duplex): Promise<void>;
}

/** @throws EngineError not-found, conflict when it is paused or restarting, invalid-parameter for the detach keys */
export const attach = (context: ContainerContext, reference: string, options: AttachOptions): Attachment => {
  const record = context.containers.find(reference);
  const detachKeys = parseDetachKeys(options.detachKeys);
  if (isPaused(record.state)) {
    throw conflict(`container ${reference} is paused, unpause the container before attach`);
  }
  if (record.state.status === "restarting") {
    throw conflict(`container ${reference} is restarting, wait until the container is running`);
  }
  const tty = record.config.Tty ?? false;
  return { tty, run: (client) => run(context, record, options, detachKeys, client) };
};

const run = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  options: AttachOptions,
  detachKeys: Buffer,
  client: Duplex,
): Promise<void> => {
  const tty = record.config.Tty ?? false;
  context.database.emit({
    Type: "container",
    Action: "attach",
    Actor: { ID: record.id, Attributes: eventAttributes(record) },
  });
  if (options.logs) await sendLogs(context, record, options, client);
  if (!options.stream) {
    client.end();
    return;
  }
  const wanted: ConnectOptions = {
    stdin: options.stdin && (record.config.OpenStdin ?? false),
    detachKeys: tty ? detachKeys : undefined,
  };
  const how = await serve(context, record.id, options, wanted, tty, client);
  if (how !== "detached") return;
  context.database.emit({
    Type: "container",
    Action: "detach",
    Actor: { ID: record.id, Attributes: eventAttributes(record) },
  });
};

const serve = async (
  context: ContainerContext,
  id: string,
  options: AttachOptions,
  wanted: ConnectOptions,
  tty: boolean,
  client: Duplex,
): Promise<"ended" | "detached" | "left"> => {
  const live = context.live.of(id);
  if (live.task) {
    const streams = await live.task.attach({
      stdin: wanted.stdin,
      stdout: options.stdout,
      stderr: options.stderr,
      raw: tty,
    });
    return connect(streams, client, wanted);
  }
  const pending = new PendingAttachment(client, options, wanted);
  live.pending.add(pending);
  try {
    return await pending.done;
  } finally {
    live.pending.delete(pending);
  }
};

const sendLogs = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  { stdout, stderr }: AttachOptions,
  client: Duplex,
): Promise<void> => {
  await logOf(context, record, { stdout, stderr, follow: false, tail: "all" }).write(client);
};
