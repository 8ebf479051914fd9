import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

export interface HijackReply {
  contentType?: string;
  /** What to write after `101`; Docker says UPGRADED for its own streams. */
  reason?: string;
  /** The protocol named in `Upgrade`; Docker answers `tcp` whatever was asked. */
  protocol?: string;
  extra?: readonly string[];
}

/** What the HTTP server knows of a connection. */
export interface Connection {
  request: IncomingMessage;
  response: ServerResponse;
  upgraded: Duplex | undefined;
}

/**
 * Takes a connection away from HTTP. With an upgrade asked for the answer is `101 UPGRADED`, else `200 OK`; what follows
 * is the raw stream both ways, ended by closing. The half-close of one side does not end the other.
 */
export const takeOver = (connection: Connection, reply: HijackReply): Duplex => {
  const stream = release(connection);
  stream.write(head(connection.upgraded !== undefined, reply));
  return stream;
};

/** Takes a connection away from HTTP without a word. */
export const release = ({ request, response, upgraded }: Connection): Duplex => {
  const { socket } = request;
  response.detachSocket(socket);
  if (upgraded === undefined) releaseFromParser(socket);
  const stream = upgraded ?? socket;
  // Whoever runs the stream listens too; this one is for errors before and after that.
  stream.on("error", () => {});
  return stream;
};

/**
 * The HTTP parser reads the socket's handle directly; a listener for data makes it let go, and its own listeners go with
 * it. Its `close` listener stays: it frees the parser.
 */
const releaseFromParser = (socket: Duplex): void => {
  const idle = (): void => {};
  socket.on("data", idle);
  socket.pause();
  for (const event of ["data", "end", "drain", "error", "timeout"]) socket.removeAllListeners(event);
  // Neither flowing nor paused: the first listener for data starts it, as on a new socket.
  (socket as { readableFlowing: boolean | null }).readableFlowing = null;
};

const head = (upgrade: boolean, reply: HijackReply): string => {
  const lines = upgrade ? [`HTTP/1.1 101 ${reply.reason ?? "UPGRADED"}`] : ["HTTP/1.1 200 OK"];
  if (reply.contentType !== undefined) lines.push(`Content-Type: ${reply.contentType}`);
  if (upgrade) lines.push("Connection: Upgrade", `Upgrade: ${reply.protocol ?? "tcp"}`);
  const extra = reply.extra ?? [];
  for (let i = 0; i + 1 < extra.length; i += 2) lines.push(`${extra[i]}: ${extra[i + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
};

/**
 * Answers an error on a connection that was to be taken over: the message as plain text, as attach does.
 * **Source:** what dockerd 28.5 writes.
 */
export const refuseHijack = (connection: Connection, status: number, message: string, contentType: string): void =>
  refuse(connection, status, `Content-Type: ${contentType}\r\n\r\n${message}\r\n`);

/** Answers what is no WebSocket handshake where one was due. **Source:** what dockerd 28.5 writes. */
export const refuseWebSocket = (connection: Connection): void => refuse(connection, 400, "\r\nnot websocket protocol");

const refuse = (connection: Connection, status: number, rest: string): void => {
  const stream = release(connection);
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${rest}`, () => stream.destroy());
};
