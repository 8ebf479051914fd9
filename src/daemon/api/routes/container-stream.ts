import { invalidParameter, isKind } from "../../../base/errors.ts";
import type { Call } from "../call.ts";
import { describeError } from "../errors.ts";
import { jsonType, multiplexedStreamType, rawStreamType } from "../headers.ts";
import { refuseHijack, refuseWebSocket } from "../hijack.ts";
import type { Route } from "../router.ts";
import type { AttachOptions } from "../../container/attach/attach.ts";
import type { ContainerRoutesService } from "../../services.ts";
import { parseTime } from "../time.ts";
import { acceptWebSocket } from "../websocket/accept.ts";
import { terminalSize } from "./terminal-size.ts";

/** What flows out of and into containers. **Source:** Engine API, tag Container. */
export const containerStreamRoutes = (containers: ContainerRoutesService): Route[] => [
  {
    method: "POST",
    path: "/containers/{id}/attach",
    hijack: true,
    handle: (call) => attach(containers, call),
  },
  {
    method: "GET",
    path: "/containers/{id}/attach/ws",
    hijack: true,
    handle: async (call) => {
      const upgrade = handshake(call);
      if (!upgrade) return refuseWebSocket(call.connection());
      const attachment = await containers.attach(call.param("id"), attachOptions(call));
      // Messages carry plain bytes; which stream they came from is not told.
      await attachment.run(upgrade(call.takeSocket(), { framed: !attachment.tty }));
    },
  },
  { method: "GET", path: "/containers/{id}/logs", handle: (call) => logs(containers, call) },
  {
    method: "POST",
    path: "/containers/{id}/resize",
    handle: async (call) => {
      const { rows, columns } = terminalSize(call.query);
      await containers.resize(call.param("id"), rows, columns);
      call.empty(200);
    },
  },
  { method: "GET", path: "/containers/{id}/stats", handle: (call) => stats(containers, call) },
  {
    method: "GET",
    path: "/containers/{id}/top",
    handle: async (call) => call.json(200, await containers.top(call.param("id"), call.query.string("ps_args"))),
  },
];

/** Undefined for a request that is no WebSocket's: Go's library says so by itself, in plain text. */
const handshake = (call: Call): ReturnType<typeof acceptWebSocket> | undefined => {
  try {
    return acceptWebSocket(call.request);
  } catch (error) {
    if (isKind(error, "invalid-parameter")) return undefined;
    throw error;
  }
};

/** What a connection taken over without an upgrade is called: always raw, whatever it carries. */
export const hijackType = (call: Call, tty: boolean): string =>
  call.upgraded ? streamType(tty, call.version) : rawStreamType;

/** The type of a stream without a terminal has had a name of its own since 1.42. */
const streamType = (tty: boolean, version: number): string =>
  tty || version < 42 ? rawStreamType : multiplexedStreamType;

const attachOptions = ({ query }: Call): AttachOptions => ({
  stdin: query.boolean("stdin"),
  stdout: query.boolean("stdout"),
  stderr: query.boolean("stderr"),
  stream: query.boolean("stream"),
  logs: query.boolean("logs"),
  detachKeys: query.string("detachKeys"),
});

const attach = async (containers: ContainerRoutesService, call: Call): Promise<void> => {
  let attachment;
  try {
    attachment = await containers.attach(call.param("id"), attachOptions(call));
  } catch (error) {
    // dockerd has taken the connection by now, and says this as plain text.
    const { status, message } = describeError(error);
    return refuseHijack(call.connection(), status, message, rawStreamType);
  }
  await attachment.run(call.hijack({ contentType: hijackType(call, attachment.tty) }));
};

const logs = async (containers: ContainerRoutesService, call: Call): Promise<void> => {
  const { query } = call;
  const stdout = query.boolean("stdout");
  const stderr = query.boolean("stderr");
  if (!stdout && !stderr) throw invalidParameter("Bad parameters: you must choose at least one stream");
  // What is no time is told before anything is looked up.
  parseTime(query.string("since"));
  parseTime(query.string("until"));
  const log = await containers.logs(call.param("id"), {
    stdout,
    stderr,
    follow: query.boolean("follow"),
    timestamps: query.boolean("timestamps"),
    details: query.boolean("details"),
    tail: query.string("tail"),
    since: query.string("since"),
    until: query.string("until"),
    signal: call.signal,
  });
  await call.serve((client) => log.write(client), streamType(log.tty, call.version));
};

const stats = async (containers: ContainerRoutesService, call: Call): Promise<void> => {
  const stream = call.query.boolean("stream", true);
  const oneShot = call.query.boolean("one-shot");
  if (stream && oneShot) throw invalidParameter("cannot have stream=true and one-shot=true");
  const samples = await containers.stats(call.param("id"), { stream, oneShot, signal: call.signal });
  // A stream of samples has no type, as dockerd writes it.
  const lines = call.lines(stream ? null : jsonType);
  if (stream) lines.open();
  for await (const sample of samples) if (!lines.write(sample)) await lines.drained();
  lines.end();
};
