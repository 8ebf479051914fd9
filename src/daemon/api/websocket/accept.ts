import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { invalidParameter } from "../../../base/errors.ts";
import { type WebSocketOptions, WebSocketStream } from "./stream.ts";

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * Checks the opening handshake of a WebSocket.
 * @returns what answers it on the connection and gives its messages as a stream of bytes.
 * @throws invalid-parameter when the request is no such handshake.
 * **Source:** RFC 6455, section 4.2.
 */
export const acceptWebSocket = (
  request: IncomingMessage,
): ((socket: Duplex, options: WebSocketOptions) => WebSocketStream) => {
  const { headers } = request;
  const key = headers["sec-websocket-key"];
  if (headers.upgrade?.toLowerCase() !== "websocket" || headers["sec-websocket-version"] !== "13") {
    throw invalidParameter("not a websocket handshake");
  }
  if (key === undefined || Buffer.from(key, "base64").length !== 16) {
    throw invalidParameter("invalid Sec-WebSocket-Key");
  }
  const accept = createHash("sha1")
    .update(key + guid)
    .digest("base64");
  const protocol = headers["sec-websocket-protocol"]?.split(",")[0]?.trim();
  return (socket, options) => {
    const lines = [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${accept}`,
    ];
    if (protocol !== undefined && /^[\w.-]+$/.test(protocol)) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    return new WebSocketStream(socket, options);
  };
};
