import { mkdtemp, rm } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Api, type ApiOptions } from "../../src/daemon/api/server.ts";
import { listen } from "../../src/daemon/api/listener.ts";

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  text: string;
  json: any;
}

/** An API with routes of the test's own, on a real unix socket. */
export class TestApi implements AsyncDisposable {
  readonly socketPath: string;
  readonly errors: unknown[] = [];
  readonly #dispose: () => Promise<void>;

  private constructor(socketPath: string, dispose: () => Promise<void>) {
    this.socketPath = socketPath;
    this.#dispose = dispose;
  }

  static async start(options: Partial<ApiOptions>): Promise<TestApi> {
    const folder = await mkdtemp(join(tmpdir(), "berth-api-"));
    const path = join(folder, "api.sock");
    const errors: unknown[] = [];
    const api = new Api({
      identity: { version: "1.2.3", experimental: false },
      routes: [],
      steps: [],
      onError: (error) => errors.push(error),
      ...options,
    });
    const listeners = await listen({ kind: "unix", path }, () => api.createServer());
    const test = new TestApi(path, async () => {
      for (const listener of listeners) await listener[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });
    test.errors.push = (...items) => errors.push(...items);
    Object.defineProperty(test, "errors", { value: errors });
    return test;
  }

  /** One request on a connection of its own. */
  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const payload = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const type =
      payload === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(payload)) };
    return new Promise((resolve, reject) => {
      const sent = request(
        { socketPath: this.socketPath, path, method, headers: { ...type, ...headers }, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString();
            const isJson = response.headers["content-type"] === "application/json";
            let json: unknown;
            try {
              json = isJson ? JSON.parse(text) : undefined;
            } catch {
              json = undefined;
            }
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
          });
        },
      );
      sent.on("error", reject);
      sent.end(payload);
    });
  }

  /** A raw connection that keeps half-close. */
  connect(): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path: this.socketPath, allowHalfOpen: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RawConnection(socket)));
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dispose();
  }
}

/** Bytes both ways, with waits for what is expected. */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  #seen = Buffer.alloc(0);
  ended = false;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => (this.#seen = Buffer.concat([this.#seen, chunk])));
    socket.on("end", () => (this.ended = true));
    socket.on("close", () => (this.closed = true));
    socket.on("error", () => {});
  }

  get text(): string {
    return this.#seen.toString("latin1");
  }

  get bytes(): Buffer {
    return this.#seen;
  }

  /** Waits until `condition` holds, at most five seconds. */
  async until(condition: () => boolean, what = "the condition"): Promise<void> {
    const end = Date.now() + 5000;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`${what} did not come; seen: ${JSON.stringify(this.text)}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async has(text: string): Promise<void> {
    await this.until(() => this.text.includes(text), JSON.stringify(text));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
