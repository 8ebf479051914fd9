import { connect, type Socket } from "node:net";

const headEnd = Buffer.from("\r\n\r\n");

/**
 * A client with one kept connection and one request at a time, as lean as Node allows: it measures the engine, not a
 * library. Understands Content-Length and chunked bodies.
 */
export class KeptConnection {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #failed: Error | undefined;

  constructor(socketPath: string) {
    this.#socket = connect(socketPath);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    const fail = (error?: Error) => {
      this.#failed = error ?? new Error("the engine closed a kept connection");
      this.#wake?.();
    };
    this.#socket.on("error", fail);
    this.#socket.on("close", () => fail());
  }

  close(): void {
    this.#socket.destroy();
  }

  /** @throws when the status is not the expected one. */
  async json(method: string, path: string, body: unknown, status: number): Promise<unknown> {
    const answer = await this.#request(method, path, body === undefined ? "" : JSON.stringify(body));
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return answer.body === "" ? undefined : JSON.parse(answer.body);
  }

  async text(method: string, path: string): Promise<string> {
    return (await this.#request(method, path, "")).body;
  }

  async #request(method: string, path: string, body: string): Promise<{ status: number; body: string }> {
    const type = body === "" ? "" : "Content-Type: application/json\r\n";
    const length = method === "GET" ? "" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: engine\r\n${type}${length}\r\n${body}`);
    const head = (await this.#until(headEnd)).toString("latin1");
    const status = Number(head.slice(9, 12));
    const size = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (size !== undefined) return { status, body: (await this.#take(Number(size))).toString() };
    if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, body: "" };
    let text = "";
    for (;;) {
      const chunkBytes = Number.parseInt((await this.#until(Buffer.from("\r\n"))).toString("latin1"), 16);
      text += (await this.#take(chunkBytes)).toString();
      await this.#take(2);
      if (chunkBytes === 0) return { status, body: text };
    }
  }

  async #until(mark: Buffer): Promise<Buffer> {
    let at = this.#buffer.indexOf(mark);
    while (at === -1) {
      await this.#more();
      at = this.#buffer.indexOf(mark);
    }
    const found = this.#buffer.subarray(0, at + (mark === headEnd ? 2 : 0));
    this.#buffer = this.#buffer.subarray(at + mark.length);
    return found;
  }

  async #take(size: number): Promise<Buffer> {
    while (this.#buffer.length < size) await this.#more();
    const taken = this.#buffer.subarray(0, size);
    this.#buffer = this.#buffer.subarray(size);
    return taken;
  }

  #more(): Promise<void> {
    if (this.#failed) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      this.#wake = () => {
        this.#wake = undefined;
        if (this.#failed && this.#buffer.length === 0) reject(this.#failed);
        else resolve();
      };
    });
  }
}
