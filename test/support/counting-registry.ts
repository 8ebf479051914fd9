// A registry in memory that counts what it gives, gives it slowly when asked to, and has ranges unless told otherwise.
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { digestOf } from "./image.ts";
import type { TestImage } from "./image.ts";

const pieceBytes = 64 * 1024;
const pauseMs = 5;

export interface CountingOptions {
  image: TestImage;
  /** False: every GET is answered with the whole blob. */
  ranges?: boolean;
  /** No more than so many bytes of one blob before the connection is cut. */
  cutAfterBytes?: number;
  /** Digests that this registry says it does not have. */
  lacks?: readonly string[];
}

/** What was asked of one blob. */
export interface BlobRequest {
  digest: string;
  range: string | undefined;
  authorization: string | undefined;
  /** How many bytes were written to the client. */
  sentBytes: number;
}

export class CountingRegistry implements AsyncDisposable {
  readonly requests: BlobRequest[] = [];
  /** True: a few megabytes a second a connection. */
  isSlow = false;
  /** Most answers with blobs that were open at a time. */
  openMax = 0;
  readonly #server: Server;
  readonly #options: CountingOptions;
  readonly #content = new Map<string, { bytes: Buffer; type: string }>();
  #open = 0;

  constructor(options: CountingOptions) {
    this.#options = options;
    const { image } = options;
    for (const { digest, blob } of image.layers) this.#content.set(digest, { bytes: blob, type: "application/x" });
    this.#content.set(image.id, { bytes: image.config, type: "application/x" });
    for (const name of ["latest", image.manifestDigest])
      this.#content.set(name, { bytes: image.manifest, type: image.manifestType });
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get name(): string {
    return `${this.host}/a/b`;
  }

  /** Bytes of a blob that were given to clients, all requests together. */
  sentBytes(digest: string): number {
    return this.requests
      .filter((request) => request.digest === digest)
      .reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = request.url?.split("/").at(-1) ?? "";
    if (request.url === "/v2/") return void response.end();
    const found = this.#content.get(name);
    const isBlob = request.url?.includes("/manifests/") !== true;
    if (found === undefined || this.#options.lacks?.includes(name) === true) return void response.writeHead(404).end();
    const { bytes, type } = found;
    const digest = isBlob ? {} : { "docker-content-digest": digestOf(bytes) };
    if (!isBlob || request.method === "HEAD") {
      response.writeHead(200, { "content-type": type, "content-length": bytes.length, ...digest });
      return void response.end(request.method === "HEAD" ? undefined : bytes);
    }
    const { range, authorization } = request.headers;
    const counted: BlobRequest = { digest: name, range, authorization, sentBytes: 0 };
    this.requests.push(counted);
    const asked = this.#options.ranges === false ? null : /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
    const start = asked === null ? 0 : Number(asked[1]);
    const end = asked === null || asked[2] === "" ? bytes.length : Number(asked[2]) + 1;
    response.writeHead(asked === null ? 200 : 206, {
      "content-length": end - start,
      ...(asked === null ? {} : { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` }),
    });
    this.openMax = Math.max(this.openMax, ++this.#open);
    await this.#send(response, bytes.subarray(start, end), counted).finally(() => this.#open--);
  }

  async #send(response: ServerResponse, bytes: Buffer, counted: BlobRequest): Promise<void> {
    const limit = this.#options.cutAfterBytes ?? Number.POSITIVE_INFINITY;
    const closed = new Promise<boolean>((resolve) => response.once("close", () => resolve(false)));
    for (let at = 0; at < bytes.length && !response.destroyed; at += pieceBytes) {
      if (counted.sentBytes >= limit) return void response.destroy();
      const piece = bytes.subarray(at, at + pieceBytes);
      const isTaken = await Promise.race([
        closed,
        new Promise<boolean>((resolve) => response.write(piece, (error) => resolve(!error))),
      ]);
      if (!isTaken) return;
      counted.sentBytes += piece.length;
      if (this.isSlow && at + pieceBytes < bytes.length) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    response.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
