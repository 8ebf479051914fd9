import type { IncomingMessage, ServerResponse } from "node:http";
import type { Actor } from "../auth/authenticator.ts";
import { fault } from "../fault.ts";
import type { Transfers } from "./transfers.ts";

/** One request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** Who asks, once that is known. */
  actor: Actor;
  /** Whether the client was told, or needed not be told, to send its body. */
  bodyWanted: boolean;
  /** What the server sends at the moment. */
  readonly transfers: Transfers;
  /** Of a blob that is sent. */
  bodyBytes: number;
  /** A path of this server as the client should ask for it. */
  location(path: string): string;
}

/** Where a client sees this server: its own words, or those of the proxies before it. */
export const originOf = (request: IncomingMessage, secure: boolean): string => {
  const first = (name: string): string | undefined => {
    const value = request.headers[name];
    return (Array.isArray(value) ? value[0] : value)?.split(",")[0]?.trim();
  };
  const scheme = first("x-forwarded-proto") === "https" || secure ? "https" : "http";
  const host = first("x-forwarded-host") ?? request.headers.host ?? "";
  return /^[A-Za-z0-9.:[\]_-]+$/.test(host) ? `${scheme}://${host}` : "";
};

/** Sends a whole answer. */
export const send = (
  { request, response }: Exchange,
  status: number,
  headers: Record<string, string | number>,
  body: string | Uint8Array = "",
): void => {
  const length = Buffer.byteLength(body);
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { "content-length": length }) });
  response.end(request.method === "HEAD" ? undefined : body);
};

export const sendJson = (
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void => {
  const type = { "content-type": "application/json", ...headers };
  send(exchange, status, type, `${JSON.stringify(body)}\n`);
};

/** The client may send its body now; many ask before. */
export const wantBody = (exchange: Exchange): IncomingMessage => {
  const { request, response } = exchange;
  exchange.bodyWanted = true;
  if (request.headers.expect?.toLowerCase() === "100-continue") response.writeContinue();
  return request;
};

/** The whole body of a request. @throws RegistryFault MANIFEST_INVALID, status 413, when it has more than `maxBytes`. */
export const readBody = (exchange: Exchange, maxBytes: number): Promise<Buffer> => {
  const tooLarge = () =>
    fault("MANIFEST_INVALID", { status: 413, message: `manifest is larger than ${maxBytes} bytes`, detail: maxBytes });
  if (Number(exchange.request.headers["content-length"] ?? 0) > maxBytes) return Promise.reject(tooLarge());
  const body = wantBody(exchange);
  // Not by iteration: leaving that early would take the connection away that the answer needs.
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let total = 0;
    const take = (chunk: Buffer): void => {
      total += chunk.length;
      chunks.push(chunk);
      if (total <= maxBytes) return;
      body.off("data", take).pause();
      reject(tooLarge());
    };
    body.on("data", take);
    body.once("end", () => resolve(Buffer.concat(chunks, total)));
    body.once("error", reject);
    body.once("close", () => reject(new Error("the client left before the end of its request")));
  });
};
