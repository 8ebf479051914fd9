// A registry that takes uploads as the specification has it, in memory, with faults that a test asks for.
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { digestOf } from "./image.ts";

export interface UploadFaults {
  /** Breaks the connection of the PATCH with this number (from 0) after so many bytes of its body. */
  cut?: (patch: number) => number | undefined;
  /** Answers a request in place of the registry; true when it did. */
  answer?: (request: IncomingMessage, response: ServerResponse, patch: number) => boolean;
  /** The registry cannot tell how much it has. */
  forgetful?: boolean;
  /** What the registry says a chunk must have at least; smaller ones but the last are refused. */
  chunkMinBytes?: number;
  /** Requests with a larger body are refused with 413. */
  maxBodyBytes?: number;
  /** A POST with a digest and a body is an upload. */
  monolithic?: boolean;
}

export class UploadRegistry implements AsyncDisposable {
  readonly blobs = new Map<string, Buffer>();
  readonly requests: { method: string; url: string; headers: IncomingMessage["headers"]; bytes: number }[] = [];
  connections = 0;
  readonly #uploads = new Map<string, Buffer>();
  readonly #server: Server;
  readonly #faults: UploadFaults;
  #patches = 0;

  constructor(faults: UploadFaults = {}) {
    this.#faults = faults;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => request.destroy());
    });
    this.#server.on("connection", () => this.connections++);
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Uploads that were begun and neither finished nor cancelled. */
  get open(): number {
    return this.#uploads.size;
  }

  get openConnections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count)));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://x");
    const { method = "" } = request;
    const entry = { method, url: request.url ?? "", headers: request.headers, bytes: 0 };
    this.requests.push(entry);
    if (url.pathname === "/v2/" && this.#faults.answer === undefined) return void response.end();
    const patch = method === "PATCH" ? this.#patches++ : -1;
    if (this.#faults.answer?.(request, response, patch) === true) return;
    if (url.pathname === "/v2/") return void response.end();
    const id = url.pathname.split("/").at(-1) ?? "";
    const digest = url.searchParams.get("digest");
    const limit = this.#faults.maxBodyBytes ?? Infinity;
    if (method === "HEAD") {
      const found = this.blobs.get(id);
      return void response.writeHead(found === undefined ? 404 : 200, { "content-length": found?.length ?? 0 }).end();
    }
    if (method === "POST") return this.#begin(request, response, digest);
    const upload = this.#uploads.get(id);
    if (upload === undefined) return void response.writeHead(404).end();
    if (method === "DELETE") {
      this.#uploads.delete(id);
      return void response.writeHead(204).end();
    }
    if (method === "GET") {
      if (this.#faults.forgetful === true) return void response.writeHead(404).end();
      return void response.writeHead(204, this.#place(id)).end();
    }
    if (Number(request.headers["content-length"] ?? 0) > limit) return void response.writeHead(413).end();
    const range = /^(\d+)-(\d+)$/.exec(request.headers["content-range"] ?? "");
    if (range !== null && Number(range[1]) !== upload.length)
      return void response.writeHead(416, this.#place(id)).end();
    const cutAfter = method === "PATCH" ? this.#faults.cut?.(patch) : undefined;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      const kept = cutAfter === undefined ? chunk : chunk.subarray(0, Math.max(0, cutAfter - entry.bytes));
      entry.bytes += kept.length;
      this.#uploads.set(id, Buffer.concat([this.#uploads.get(id) ?? Buffer.alloc(0), kept]));
      if (entry.bytes > limit) return void response.writeHead(413, { connection: "close" }).end();
      if (cutAfter !== undefined && entry.bytes >= cutAfter) return void request.socket.destroy();
    }
    const bytes = this.#uploads.get(id) ?? Buffer.alloc(0);
    if (method === "PATCH") return void response.writeHead(202, this.#place(id)).end();
    this.#uploads.delete(id);
    if (digest === null || digestOf(bytes) !== digest) return void response.writeHead(400).end();
    this.blobs.set(digest, bytes);
    response.writeHead(201, { location: "/" }).end();
  }

  async #begin(request: IncomingMessage, response: ServerResponse, digest: string | null): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (this.#faults.monolithic === true && digest !== null) {
      this.blobs.set(digest, Buffer.concat(chunks));
      return void response.writeHead(201, { location: "/" }).end();
    }
    const id = `u${this.requests.length}`;
    this.#uploads.set(id, Buffer.alloc(0));
    const least = this.#faults.chunkMinBytes;
    response
      .writeHead(202, { ...this.#place(id), ...(least === undefined ? {} : { "oci-chunk-min-length": String(least) }) })
      .end();
  }

  #place(id: string): Record<string, string> {
    const length = this.#uploads.get(id)?.length ?? 0;
    return { location: `/v2/a/b/blobs/uploads/${id}`, range: `0-${Math.max(0, length - 1)}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
