import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import type { OnReadOpts, Socket } from "node:net";
import { getCACertificates } from "node:tls";
import type { Endpoint } from "./endpoint.ts";
import { reasonOf } from "./reason.ts";
import { ContentError, TransportError } from "./registry-error.ts";

/** How long nothing at all may come over a connection. */
const idleTimeoutMs = 60_000;
/** The same for what changes something: a registry may take long to put a large blob in its place. */
const commitTimeoutMs = 600_000;
const maxRedirects = 10;
/** Connections to one host at a time: layers side by side, each in a few ranges. */
const maxSockets = 32;
/** An answer that nobody reads is read to its end when it is at most this long, so that its connection is kept. */
const maxDrainedBytes = 64 * 1024;
/** Most bytes that are read from a connection at a time. */
const readBytes = 64 * 1024;

export interface RegistryRequest {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: URL;
  headers?: Record<string, string | string[]>;
  /** A stream is read no further once the server has refused the request. */
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  signal?: AbortSignal | undefined;
}

export interface RegistryAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: http.IncomingMessage;
  /** After redirects. */
  url: URL;
}

const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * HTTP to one endpoint and to where it sends us, over connections that are kept. `Authorization` and the client
 * certificate stay with the endpoint: they never go to another scheme, host or port.
 */
export class Transport implements Disposable {
  readonly #origin: string;
  readonly #plain: http.Agent;
  readonly #own: https.Agent;
  readonly #other: https.Agent;
  readonly #userAgent: string;

  constructor(
    endpoint: Endpoint,
    options: { userAgent: string; proxyEnvironment?: Record<string, string | undefined> },
  ) {
    this.#origin = new URL(`${endpoint.scheme}://${endpoint.host}`).origin;
    this.#userAgent = options.userAgent;
    const { ca, cert, key } = endpoint.certificates;
    const shared: https.AgentOptions = { keepAlive: true, maxSockets };
    // A tunnel through a proxy is opened by reads that know of no such buffer.
    if (options.proxyEnvironment === undefined) Object.assign(shared, { onread: intoOneBuffer() });
    else shared.proxyEnv = options.proxyEnvironment;
    const trust: https.AgentOptions = {
      ...shared,
      minVersion: "TLSv1.2",
      rejectUnauthorized: !endpoint.insecure,
      ...(endpoint.scheme === "https" && !endpoint.insecure ? { ca: [...getCACertificates("system"), ...ca] } : {}),
    };
    this.#plain = new http.Agent(shared);
    this.#other = new https.Agent(trust);
    this.#own = cert === undefined || key === undefined ? this.#other : new https.Agent({ ...trust, cert, key });
  }

  /**
   * Sends a request and follows redirects of GET and HEAD. The answer's body must be read or destroyed by the caller.
   *
   * @throws TransportError when there is no answer; what aborted `signal` when that did it.
   */
  async send(request: RegistryRequest): Promise<RegistryAnswer> {
    let { url } = request;
    const { origin } = url;
    const headers: Record<string, string | string[]> = { "user-agent": this.#userAgent, ...request.headers };
    for (let hops = 0; ; hops++) {
      if (url.origin !== origin) delete headers["authorization"];
      const body = await this.#once({ ...request, url, headers });
      const answer = { status: body.statusCode ?? 0, headers: body.headers, body, url };
      const location = body.headers.location;
      const follows = request.method === "GET" || request.method === "HEAD";
      if (!follows || !redirects.has(answer.status) || location === undefined) return answer;
      await drain(body);
      const target = URL.canParse(location, url) ? new URL(location, url) : undefined;
      if (hops === maxRedirects || target === undefined || !/^https?:$/.test(target.protocol))
        throw new TransportError(request.method, url.href, "stopped after a redirect that cannot be followed", {
          temporary: false,
        });
      url = target;
    }
  }

  #once(request: RegistryRequest): Promise<http.IncomingMessage> {
    const { url, method, headers, body, signal } = request;
    const secure = url.protocol === "https:";
    const agent = secure ? (url.origin === this.#origin ? this.#own : this.#other) : this.#plain;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const sent = (secure ? https : http).request(url, {
        method,
        agent,
        headers: headers ?? {},
        timeout: method === "GET" || method === "HEAD" ? idleTimeoutMs : commitTimeoutMs,
        ...(signal === undefined ? {} : { signal }),
      });
      const refused = new AbortController();
      sent.on("response", (answer) => {
        if ((answer.statusCode ?? 0) >= 400 && !sent.writableEnded) {
          refused.abort();
          // What was not sent would be taken for the next request.
          answer.once("close", () => sent.destroy());
        }
        resolve(answer);
      });
      sent.on("timeout", () => sent.destroy(Object.assign(new Error("i/o timeout"), { code: "ETIMEDOUT" })));
      sent.on("error", (error) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const { text, temporary } = reasonOf(error);
        reject(new TransportError(method, url.href, text, { cause: error, temporary }));
      });
      if (body === undefined || body instanceof Uint8Array) sent.end(body);
      else sendBody(body, sent, refused.signal).catch((error: unknown) => sent.destroy(error as Error));
    });
  }

  [Symbol.dispose](): void {
    for (const agent of [this.#plain, this.#own, this.#other]) agent.destroy();
  }
}

/**
 * Has all connections read into one buffer, whose bytes Node's HTTP parser copies before the next read: by default each
 * read has a new buffer of 64 KiB, and dozens of megabytes of them wait for the garbage collector.
 *
 * **Source:** Node.js net, `socket.connect(options)`, `onread`.
 */
const intoOneBuffer = (): OnReadOpts => ({
  buffer: Buffer.allocUnsafeSlow(readBytes),
  callback(this: Socket, count: number, bytes: Uint8Array): boolean {
    this.emit("data", bytes.subarray(0, count));
    return true;
  },
});

/** Writes a stream as a request's body, as fast as the connection takes it. */
const sendBody = async (
  body: AsyncIterable<Uint8Array>,
  sent: http.ClientRequest,
  refused: AbortSignal,
): Promise<void> => {
  const closed = once(sent, "close");
  closed.catch(() => undefined);
  const left = once(refused, "abort");
  for await (const chunk of body) {
    if (refused.aborted || sent.destroyed) return;
    if (!sent.write(chunk))
      await Promise.race([once(sent, "drain", { signal: refused }).catch(() => undefined), closed, left]);
  }
  if (!refused.aborted && !sent.destroyed) sent.end();
};

/**
 * Lets an answer go: its connection is kept when little is left to read, and closed otherwise. Fulfilled when the
 * connection can be used again, so that the next request does not open another.
 */
export const drain = async (body: http.IncomingMessage): Promise<void> => {
  const length = Number(body.headers["content-length"] ?? 0);
  if (!(length <= maxDrainedBytes)) return void body.destroy();
  body.on("error", () => undefined);
  let read = 0;
  body.on("data", (chunk: Buffer) => {
    if ((read += chunk.length) > maxDrainedBytes) body.destroy();
  });
  body.resume();
  if (!body.readableEnded && !body.destroyed) await once(body, "close").catch(() => undefined);
};

/**
 * The whole body of an answer, which may have at most `maxBytes`.
 *
 * @throws ContentError when it has more.
 */
export const readBody = async (answer: RegistryAnswer, maxBytes: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      total += chunk.length;
      if (total > maxBytes)
        throw new ContentError(`the answer of ${answer.url.origin} is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ContentError) throw error;
    throw new TransportError("GET", answer.url.href, reasonOf(error).text, { cause: error, temporary: true });
  }
  return Buffer.concat(chunks);
};
