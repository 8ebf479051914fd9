import { request, type IncomingMessage, type RequestOptions } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { ErrorResponse } from "../wire/engine/system.ts";
import type { Address } from "./address.ts";

/** An answer of the engine that is an error: its status and its message, in the engine's words. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** No engine answers at the address. */
export class ConnectError extends Error {}

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface CallOptions {
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, with `contentType`. */
  stream?: Readable;
  contentType?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const apiVersion = "v1.51";
const maxErrorBytes = 1 << 20;

/** Speaks the Engine API to one engine. Every method rejects with `ApiError` or `ConnectError`. */
export class EngineClient {
  readonly #address: Address;
  readonly #label: string;

  constructor(address: Address) {
    this.#address = address;
    this.#label = "socketPath" in address ? `unix://${address.socketPath}` : `tcp://${address.host}:${address.port}`;
  }

  /** One call whose answer is JSON; undefined for an answer without a body. */
  async json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const answer = await this.stream(method, path, options);
    const text = (await collect(answer)).toString();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** One call whose answer is read as it comes. */
  async stream(method: string, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, options);
    if ((answer.statusCode ?? 500) >= 400) throw await errorOf(answer);
    return answer;
  }

  /** A call that takes the connection over: raw bytes both ways, and half-close ends stdin. */
  hijack(path: string, options: CallOptions = {}): Promise<{ socket: Socket; head: Buffer; contentType: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        ...this.#options("POST", path, options),
        headers: { ...headersOf(options), Connection: "Upgrade", Upgrade: "tcp" },
      });
      outgoing.on("upgrade", (answer, socket: Socket, head) => {
        socket.setNoDelay(true);
        resolve({ socket, head, contentType: answer.headers["content-type"] ?? "" });
      });
      outgoing.on("response", (answer) => void errorOf(answer).then(reject, reject));
      outgoing.on("error", (error) => reject(this.#connectError(error)));
      outgoing.end(options.body === undefined ? undefined : JSON.stringify(options.body));
    });
  }

  #send(method: string, path: string, options: CallOptions): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ ...this.#options(method, path, options), headers: headersOf(options) });
      outgoing.on("response", resolve);
      outgoing.on("error", (error) => reject(this.#connectError(error)));
      if (options.stream) options.stream.pipe(outgoing);
      else outgoing.end(options.body === undefined ? undefined : JSON.stringify(options.body));
    });
  }

  #options(method: string, path: string, options: CallOptions): RequestOptions {
    return {
      ...this.#address,
      method,
      path: `/${apiVersion}${path}${queryText(options.query ?? {})}`,
      agent: false,
      ...(options.signal ? { signal: options.signal } : {}),
    };
  }

  #connectError(error: NodeJS.ErrnoException): Error {
    if (!["ENOENT", "ECONNREFUSED", "EACCES", "ENOTFOUND", "EHOSTUNREACH"].includes(error.code ?? "")) return error;
    const why = error.code === "EACCES" ? "permission denied" : "is the berthd daemon running?";
    return new ConnectError(`Cannot connect to the engine at ${this.#label}: ${why}`, { cause: error });
  }
}

const headersOf = ({ body, stream, contentType, headers }: CallOptions): Record<string, string> => ({
  Host: "docker",
  ...(body === undefined ? {} : { "Content-Type": "application/json" }),
  ...(stream ? { "Content-Type": contentType ?? "application/x-tar" } : {}),
  ...headers,
});

const queryText = (query: Query): string => {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === false || value === "") continue;
    for (const one of Array.isArray(value) ? (value as string[]) : [value]) {
      parameters.append(key, one === true ? "1" : String(one));
    }
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
};

const errorOf = async (answer: IncomingMessage): Promise<ApiError> => {
  const text = (await collect(answer, maxErrorBytes)).toString().trim();
  let message = text;
  try {
    message = (JSON.parse(text) as ErrorResponse).message ?? text;
  } catch {
    // Not JSON: a proxy's words, or an old engine's.
  }
  return new ApiError(answer.statusCode ?? 500, message || `status ${answer.statusCode}`);
};

const collect = async (answer: Readable, maxBytes = Number.POSITIVE_INFINITY): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};
