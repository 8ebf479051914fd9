import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { digestOf } from "./image.ts";
import type { TestImage } from "./image.ts";

export interface Spoil {
  /** Replaces the bytes of a blob or manifest by its digest or tag. */
  bytes?: (name: string, bytes: Buffer) => Buffer;
  /** Answers in place of the registry; true when it did. */
  answer?: (name: string, request: IncomingMessage, response: ServerResponse) => boolean;
  image: TestImage;
}

/** A registry that lies: what it serves is the test's to spoil. It is at `name`, on loopback. */
export class LyingRegistry implements AsyncDisposable {
  readonly #server: Server;
  readonly #spoil: Spoil;
  readonly #content = new Map<string, { bytes: Buffer; type: string }>();

  constructor(spoil: Spoil) {
    this.#spoil = spoil;
    const served = spoil.image;
    for (const { digest, blob } of served.layers) this.#content.set(digest, { bytes: blob, type: "application/x" });
    this.#content.set(served.id, { bytes: served.config, type: "application/x" });
    for (const name of ["latest", served.manifestDigest])
      this.#content.set(name, { bytes: served.manifest, type: served.manifestType });
    this.#server = createServer((request, response) => this.#handle(request, response));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get name(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}/a/b`;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const name = request.url?.split("/").at(-1) ?? "";
    if (this.#spoil.answer?.(name, request, response) === true) return;
    if (request.url === "/v2/") return void response.end();
    const found = this.#content.get(name.split("?", 1)[0] ?? "");
    if (found === undefined) return void response.writeHead(404).end();
    const bytes = this.#spoil.bytes?.(name, found.bytes) ?? found.bytes;
    const headers = { "content-type": found.type, "content-length": bytes.length };
    const digest = request.url?.includes("/manifests/") ? { "docker-content-digest": digestOf(found.bytes) } : {};
    response.writeHead(200, { ...headers, ...digest });
    response.end(request.method === "HEAD" ? undefined : bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** One bit of one byte, changed. */
export const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};
