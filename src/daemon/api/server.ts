import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Trace, withTrace } from "../../base/trace.ts";
import { EngineError } from "../../base/errors.ts";
import { BusyPoll } from "./busy-poll.ts";
import { Call } from "./call.ts";
import { commonHeaders, type Identity, jsonType } from "./headers.ts";
import { Ping } from "./ping.ts";
import { Query } from "./query.ts";
import { cleanPath, type Match, parseTarget, type Route, Router, type Target } from "./router.ts";
import { TraceReport } from "./trace.ts";
import { negotiate, wantsPlainErrors } from "./version.ts";
import { stepsFor, type VersionStep } from "./version-step.ts";

export interface ApiOptions {
  identity: Identity;
  routes: readonly Route[];
  steps: readonly VersionStep[];
  /** The answer of `/_ping` to which builder is the default. */
  builder?: "1" | "2";
  /** Called at each ping, with which clients begin a command. */
  onPing?: () => void;
  /** Told of every error that is the engine's own fault, with the call it happened in. */
  onError?: (error: unknown, what: string) => void;
  /** Traces every call, as `BERTH_TRACE=1` asks, and gives each line here. Without it only `X-Berth-Trace: 1` does. */
  onTrace?: (line: string) => void;
}

/** Go's server takes headers up to this size; filters and build arguments travel in the query. */
const maxHeaderBytes = 1024 * 1024;
/** A client may take this long to send its headers. A body and an answer may take for ever. */
const headersTimeoutMs = 5 * 60 * 1000;

const notFoundBody = '{"message":"page not found"}\n';
const badRequest =
  "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request";

const hostless = "400 Bad Request: missing required Host header";
const refuseHostless = ({ socket }: IncomingMessage): void =>
  void socket.end(
    `HTTP/1.1 ${hostless}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${hostless}`,
  );

/** The first percent sign that escapes nothing, with what follows, as Go shows it. */
const badEscape = (query: string): string | undefined => /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(query)?.[0];

/**
 * The Engine API over HTTP/1.1: version negotiation, routing, errors, upgrades. One instance serves every listener.
 */
export class Api {
  readonly #router: Router;
  readonly #ping: Ping;
  readonly #busyPoll = new BusyPoll();
  readonly #headers: readonly string[];
  readonly #options: ApiOptions;
  readonly #steps = new Map<string, readonly VersionStep[]>();

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#router = new Router(options.routes);
    this.#headers = commonHeaders(options.identity);
    this.#ping = new Ping(this.#headers, options.builder ?? "1");
  }

  /** A server that speaks the API; the caller lets it listen, and closes it. */
  createServer(): Server {
    const server = createServer({
      maxHeaderSize: maxHeaderBytes,
      keepAliveTimeout: 0,
      requestTimeout: 0,
      // Told in Docker's words.
      requireHostHeader: false,
      headersTimeout: headersTimeoutMs,
      shouldUpgradeCallback: (request) => this.#mayUpgrade(request),
    });
    // A client that has said all it has to say may still want the answer.
    (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
    server.on("request", (request, response) => {
      this.#busyPoll.stayAwake();
      // Go says nothing of a connection that stays.
      if (response.shouldKeepAlive) response.removeHeader("Connection");
      if (request.headers.host === undefined && request.httpVersion !== "1.0") refuseHostless(request);
      else if (this.#ping.answers(request, response)) this.#options.onPing?.();
      else void this.#serve(request, response, undefined);
    });
    server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      if (head.length > 0) stream.unshift(head);
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(request.socket);
      response.on("finish", () => request.socket.end());
      request.socket.on("error", () => {});
      void this.#serve(request, response, stream);
    });
    server.on("clientError", (_error, socket) => {
      if (socket.writable) socket.end(badRequest);
      else socket.destroy();
    });
    return server;
  }

  #mayUpgrade(request: IncomingMessage): boolean {
    const target = parseTarget(request.url ?? "/");
    return target !== undefined && this.#router.find(request.method ?? "GET", target.path)?.route.hijack === true;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, upgraded: Duplex | undefined): Promise<void> {
    const method = request.method ?? "GET";
    const target = parseTarget(request.url ?? "/");
    if (target === undefined) return void request.socket.end(badRequest);
    const clean = cleanPath(target.path);
    if (clean !== target.path) return this.#redirect(target, clean, response);
    const escape = badEscape(target.query);
    if (escape !== undefined) return this.#refuse(response, `invalid URL escape ${JSON.stringify(escape)}`);
    const match = this.#router.find(method, target.path);
    if (match === undefined) return this.#pageNotFound(method, target, response);
    if (target.path === "/_ping") {
      if (this.#inWindow(target, request, response, match)) this.#ping.answer(response, method === "GET");
      return;
    }
    const call = this.#call(target, request, response, upgraded, match);
    if (call === undefined) return;
    const traced = this.#options.onTrace !== undefined || request.headers["x-berth-trace"] === "1";
    if (!traced) return this.#run(match.route, call, target);
    const trace = new Trace();
    const report = new TraceReport(trace, response, `${method} ${target.path}`, this.#options.onTrace);
    await withTrace(trace, async () => this.#run(match.route, call, target));
    report.done();
  }

  async #run(route: Route, call: Call, target: Target): Promise<void> {
    try {
      await route.handle(call);
    } catch (error) {
      this.#fail(call, error, `${route.method} ${target.path}`);
    }
  }

  #fail(call: Call, error: unknown, what: string): void {
    const { response, socket } = call;
    const gone = socket.destroyed || call.left;
    if (!gone && (!(error instanceof EngineError) || error.kind === "system")) this.#options.onError?.(error, what);
    // Half an answer is under way: only the end of the connection can tell the client that it is not whole.
    if (response.headersSent || response.socket === null) socket.destroy();
    else call.error(error);
  }

  #inWindow(target: Target, request: IncomingMessage, response: ServerResponse, match: Match): boolean {
    return this.#call(target, request, response, undefined, match) !== undefined;
  }

  /** The call, or undefined when its version is refused; the refusal is written. */
  #call(
    target: Target,
    request: IncomingMessage,
    response: ServerResponse,
    upgraded: Duplex | undefined,
    match: Match,
  ): Call | undefined {
    try {
      const version = negotiate(target.version);
      return new Call({
        request,
        response,
        upgraded,
        params: match.params,
        query: new Query(target.query),
        version,
        steps: this.#stepsOf(`${match.route.method} ${match.route.path}`, version),
        headers: this.#headers,
      });
    } catch (error) {
      this.#refuseVersion(target, response, error as Error);
      return undefined;
    }
  }

  #stepsOf(route: string, version: number): readonly VersionStep[] {
    const key = `${version} ${route}`;
    const known = this.#steps.get(key);
    if (known !== undefined) return known;
    const steps = stepsFor(this.#options.steps, route, version);
    this.#steps.set(key, steps);
    return steps;
  }

  #refuseVersion(target: Target, response: ServerResponse, { message }: Error): void {
    const plain = wantsPlainErrors(target.version);
    const body = plain ? `${message}\n` : `${JSON.stringify({ message })}\n`;
    const type = plain ? "text/plain; charset=utf-8" : jsonType;
    const length = String(Buffer.byteLength(body));
    // No handler has said whether it is experimental.
    const headers = this.#headers.filter((_, i) => this.#headers[i - (i % 2)] !== "Docker-Experimental");
    response.writeHead(400, [...headers, "Content-Type", type, "Content-Length", length]).end(body);
  }

  #refuse(response: ServerResponse, message: string): void {
    const body = `${JSON.stringify({ message })}\n`;
    const length = String(Buffer.byteLength(body));
    response.writeHead(400, [...this.#headers, "Content-Type", jsonType, "Content-Length", length]).end(body);
  }

  /** A path with double slashes or dots is sent to its clean form, as Docker does. */
  #redirect({ version, query }: Target, path: string, response: ServerResponse): void {
    const prefix = version === undefined ? "" : `/v${version}`;
    const location = encodeURI(prefix + path) + (query === "" ? "" : `?${query}`);
    response.writeHead(301, ["Location", location, "Content-Length", "0"]).end();
  }

  #pageNotFound(method: string, target: Target, response: ServerResponse): void {
    if (method === "OPTIONS") return void response.writeHead(200, [...this.#headers, "Content-Length", "0"]).end();
    const length = String(notFoundBody.length);
    // No handler has put its headers there.
    response.writeHead(404, ["Content-Type", jsonType, "Content-Length", length]).end(notFoundBody);
  }
}
