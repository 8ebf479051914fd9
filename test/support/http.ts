// The Engine API without a client library: requests on connections of their own, streams, and hijacked connections.
import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";

const answerLimitMs = 30_000;
const waitLimitMs = 10_000;

export interface HttpAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test knows what it asked for
  json: any;
}

/** null for what is not one JSON value: plain text, lines of JSON. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

export class Http {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  #send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<IncomingMessage> {
    const isRaw = Buffer.isBuffer(body);
    const payload = body === undefined ? undefined : isRaw ? body : Buffer.from(JSON.stringify(body));
    const type = isRaw ? "application/x-tar" : "application/json";
    return new Promise((resolve, reject) => {
      const sent = request({
        socketPath: this.socketPath,
        method,
        path,
        agent: false,
        headers: {
          ...(payload === undefined ? {} : { "Content-Type": type, "Content-Length": String(payload.length) }),
          ...headers,
        },
      });
      sent.once("response", resolve);
      sent.once("error", reject);
      sent.end(payload);
    });
  }

  /** One request and its whole answer. */
  async call(method: string, path: string, body?: unknown): Promise<HttpAnswer> {
    const response = await this.#send(method, path, body, {});
    const chunks: Buffer[] = [];
    const limit = setTimeout(() => response.destroy(new Error(`${method} ${path}: no end`)), answerLimitMs);
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer);
    } finally {
      clearTimeout(limit);
    }
    const text = Buffer.concat(chunks).toString();
    return { status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) };
  }

  /** The JSON of an answer that must be a success. @throws Error with the engine's words */
  async ok<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call(method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json as T;
  }

  /** An answer whose body is read by the caller. */
  stream(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    return this.#send(method, path, body, {});
  }

  /** A connection that the engine hands over: attach, exec start. @throws Error when it does not */
  hijack(path: string, body?: unknown): Promise<Hijacked> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request({
        socketPath: this.socketPath,
        method: "POST",
        path,
        agent: false,
        headers: {
          Connection: "Upgrade",
          Upgrade: "tcp",
          "Content-Type": "application/json",
          "Content-Length": String(Buffer.byteLength(payload ?? "")),
        },
      });
      sent.once("upgrade", (_, socket, head) => resolve(new Hijacked(socket, head)));
      sent.once("response", (response: IncomingMessage) => {
        response.resume();
        reject(new Error(`${path}: ${response.statusCode}`));
      });
      sent.once("error", reject);
      sent.end(payload);
    });
  }
}

/** A raw connection to a process, with half-close. */
export class Hijacked implements Disposable {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  ended = false;

  constructor(socket: Duplex, head: Buffer) {
    this.socket = socket as Socket;
    if (head.length > 0) this.#chunks.push(head);
    socket.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on("end", () => (this.ended = true));
    socket.on("close", () => (this.ended = true));
    socket.on("error", () => {});
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString("latin1");
  }

  /** stdout and stderr out of the 8-byte frames. */
  get streams(): { stdout: string; stderr: string } {
    return demultiplex(this.bytes);
  }

  /** Waits until `text` has come. @throws Error with what came instead */
  async has(text: string): Promise<void> {
    await waitUntil(() => this.text.includes(text), `${JSON.stringify(text)} in ${JSON.stringify(this.text)}`);
  }

  async end(): Promise<void> {
    await waitUntil(() => this.ended, "the end of the connection");
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** stdout and stderr out of a stream of 8-byte frames. **Source:** Engine API, ContainerAttach. */
export const demultiplex = (bytes: Buffer): { stdout: string; stderr: string } => {
  const out: Buffer[][] = [[], [], []];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(at + 4);
    out[bytes[at] ?? 0]?.push(bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  const text = (stream: number): string => Buffer.concat(out[stream] ?? []).toString();
  return { stdout: text(1), stderr: text(2) };
};

/** Waits until `condition` holds. @throws Error after ten seconds */
export const waitUntil = async (
  condition: () => boolean | Promise<boolean>,
  what = "the condition",
  limitMs = waitLimitMs,
): Promise<void> => {
  for (const end = Date.now() + limitMs; !(await condition());) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
