import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf, systemError } from "../../base/errors.ts";
import { describeError } from "./errors.ts";
import { jsonType, rawStreamType } from "./headers.ts";
import { type Connection, type HijackReply, release, takeOver } from "./hijack.ts";
import { JsonLines } from "./json-lines.ts";
import { readBody } from "./body/read.ts";
import { ArchiveStream } from "../../oci/layer/archive-stream.ts";
import { uploadOf } from "./body/upload.ts";
import { descriptorOf, handOver } from "./hand-over.ts";
import type { Shape } from "./body/shape.ts";
import { decodeBody, decodeText } from "./body/decode.ts";
import type { Query } from "./query.ts";
import type { VersionStep } from "./version-step.ts";

/** What a call is made of; the server fills it in. */
export interface CallParts {
  request: IncomingMessage;
  response: ServerResponse;
  /** What comes after the request when the client asked for an upgrade. */
  upgraded: Duplex | undefined;
  params: Readonly<Record<string, string>>;
  query: Query;
  /** The minor number of the version asked for: 44 for 1.44. */
  version: number;
  steps: readonly VersionStep[];
  /** Headers of every answer. */
  headers: readonly string[];
}

/** One call of the API: what was asked, and the ways to answer it. An answer is written once. */
export class Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly version: number;
  readonly socket: Socket;
  readonly #upgraded: Duplex | undefined;
  readonly #steps: readonly VersionStep[];
  readonly #headers: readonly string[];
  #abort: AbortController | undefined;

  constructor(parts: CallParts) {
    this.request = parts.request;
    this.response = parts.response;
    this.socket = parts.request.socket;
    this.params = parts.params;
    this.query = parts.query;
    this.version = parts.version;
    this.#upgraded = parts.upgraded;
    this.#steps = parts.steps;
    this.#headers = parts.headers;
    for (const step of this.#steps) step.query?.(this.query);
  }

  /** What a `{name}` of the route stood for. */
  param(name: string): string {
    return this.params[name] ?? "";
  }

  /** A request header that may be given once. */
  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** True when the client left before the answer was complete, as far as anybody asked. */
  get left(): boolean {
    return this.#abort?.signal.aborted === true;
  }

  /** Aborts when the client leaves before the answer is complete. Made when first asked for. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = (this.#abort = new AbortController());
      const { socket } = this;
      const leave = (): void => abort.abort(new Error("the client left"));
      if (socket.destroyed || socket.readableEnded) leave();
      socket.once("end", leave).once("close", leave);
      this.response.once("finish", () => socket.off("end", leave).off("close", leave));
    }
    return this.#abort.signal;
  }

  /**
   * The JSON body as `shape` describes it.
   * @throws invalid-parameter when it is absent, malformed or of the wrong types.
   */
  async body<T>(shape: Shape<T>): Promise<T> {
    return this.#step(decodeBody(shape, await readBody(this.request), this.header("content-type")));
  }

  /** As `body`, where a call without one is fine. */
  async optionalBody<T>(shape: Shape<T>): Promise<T | undefined> {
    const text = await readBody(this.request);
    if (text === undefined) return undefined;
    const body = decodeBody(shape, text, this.header("content-type"));
    // Older clients send what they leave out: `docker commit` of 20.10 has a body of null.
    return text.trim() === "null" ? undefined : this.#step(body);
  }

  /** A JSON body of any Content-Type, whose faults are the engine's own, as dockerd has it for `/auth`. @throws system */
  async untypedBody<T>(shape: Shape<T>): Promise<T> {
    const text = await readBody(this.request);
    if (text === undefined) throw systemError("EOF");
    try {
      return this.#step(decodeText(shape, text));
    } catch (error) {
      throw systemError(messageOf(error).replace(/^invalid JSON: /, ""), error);
    }
  }

  /** The body as it comes, for archives; asked for once. Giving it up leaves the connection to the answer. */
  get stream(): Readable {
    return uploadOf(this.request);
  }

  json(status: number, body: unknown, extra: readonly string[] = []): void {
    const text = `${JSON.stringify(this.#answer(body))}\n`;
    const length = String(Buffer.byteLength(text));
    this.response.writeHead(status, [...this.#headers, ...extra, "Content-Type", jsonType, "Content-Length", length]);
    this.response.end(text);
  }

  /** An answer without a body. */
  empty(status: number, extra: readonly string[] = []): void {
    const length = status === 204 || status === 304 ? [] : ["Content-Length", "0"];
    this.response.writeHead(status, [...this.#headers, ...extra, ...length]);
    this.response.end();
  }

  /** Answers an error: Docker's body with the message, or none for "not modified". */
  error(error: unknown): void {
    const { status, message } = describeError(error);
    if (status === 304) this.empty(status);
    else {
      const text = `${JSON.stringify({ message })}\n`;
      const length = String(Buffer.byteLength(text));
      this.response.writeHead(status, [...this.#headers, "Content-Type", jsonType, "Content-Length", length]);
      this.response.end(text);
    }
  }

  /** Sends status and headers now; the body follows. */
  begin(status: number, contentType: string | undefined, extra: readonly string[] = []): void {
    const type = contentType === undefined ? [] : ["Content-Type", contentType];
    this.response.writeHead(status, [...this.#headers, ...extra, ...type]);
    this.response.flushHeaders();
  }

  /** Answers with a stream of bytes. A source that fails ends the connection, so that the client sees it. */
  async pipe(source: Readable, contentType: string, extra: readonly string[] = []): Promise<void> {
    this.begin(200, contentType, extra);
    const { response, socket } = this;
    const fd = source instanceof ArchiveStream && source.isUntouched ? descriptorOf(response, socket) : null;
    if (fd === null) return pipeline(source, response);
    await handOver(source as ArchiveStream, socket, fd);
    response.end();
  }

  /** Answers with what `write` sends. */
  async serve(write: (client: Writable) => Promise<void>, contentType: string): Promise<void> {
    this.begin(200, contentType);
    await write(this.response);
    this.response.end();
  }

  /** Answers with JSON objects, one a line, as they come. */
  lines(contentType: string | null = jsonType): JsonLines {
    return new JsonLines(
      this.response,
      () => this.begin(200, contentType ?? undefined),
      (body) => this.#answer(body),
    );
  }

  /** True when the client asked to upgrade and the route heeds it. */
  get upgraded(): boolean {
    return this.#upgraded !== undefined;
  }

  /** An answer to HEAD. */
  head(status: number, extra: readonly string[]): void {
    this.response.writeHead(status, [...this.#headers, ...extra]);
    this.response.end();
  }

  /** The headers of every answer, for those that are written on the raw connection. */
  get commonHeaders(): readonly string[] {
    return this.#headers;
  }

  /** The connection, for answers that are not HTTP's. */
  connection(): Connection {
    return { request: this.request, response: this.response, upgraded: this.#upgraded };
  }

  /** Takes the connection over without answering; who takes it answers. */
  takeSocket(): Duplex {
    return release(this.connection());
  }

  /**
   * Takes the connection over: answers 101 when the client asked to upgrade, else 200, and returns the raw stream.
   * Half-close works both ways on it.
   */
  hijack(reply: HijackReply = { contentType: rawStreamType }): Duplex {
    return takeOver(this.connection(), reply);
  }

  #answer(body: unknown): unknown {
    let answer = body;
    for (const step of this.#steps.toReversed()) if (step.response !== undefined) answer = step.response(answer);
    return answer;
  }

  #step<T>(body: T): T {
    if (body !== undefined) for (const step of this.#steps) step.body?.(body as Record<string, unknown>);
    return body;
  }
}
