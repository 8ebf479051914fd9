import { once } from "node:events";
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { anonymous } from "../auth/authenticator.ts";
import type { ListenAddress, TlsConfig } from "../config/config.ts";
import { RegistryFault, fault } from "../fault.ts";
import type { Services } from "../services.ts";
import { originOf, send } from "./exchange.ts";
import type { Exchange } from "./exchange.ts";
import { handle } from "./handle.ts";
import { readRoute } from "./route.ts";
import type { Route } from "./route.ts";
import { Transfers } from "./transfers.ts";

/** A request's head must be here by then (slow clients that hold connections open). */
const headersTimeoutMs = 10_000;
const connectionsCheckMs = 2_000;
const maxHeaderBytes = 16 * 1024;
const maxHeaders = 100;
/** A connection on which nothing moves for so long is closed, in the middle of a blob too. */
const idleTimeoutMs = 60_000;
const keepAliveTimeoutMs = 75_000;
const maxConnections = 10_000;
const maxPathCharacters = 8 * 1024;
/** How long a client that was refused may go on sending, so that it reads its answer. */
const lingerMs = 2_000;
/** How long requests under way have when the server ends. */
const drainMs = 10_000;

const serverOptions: http.ServerOptions = {
  headersTimeout: headersTimeoutMs,
  // A blob takes as long as it takes; what stands still ends by the idle timeout.
  requestTimeout: 0,
  keepAliveTimeout: keepAliveTimeoutMs,
  connectionsCheckingInterval: connectionsCheckMs,
  maxHeaderSize: maxHeaderBytes,
  noDelay: true,
};

const tlsOptions = (tls: TlsConfig): https.ServerOptions => ({
  cert: readFileSync(tls.certificate),
  key: readFileSync(tls.key),
  minVersion: tls.minimumVersion,
  ...(tls.clientCas.length === 0
    ? {}
    : { ca: tls.clientCas.map((path) => readFileSync(path)), requestCert: true, rejectUnauthorized: true }),
});

const errnoFaults: Partial<Record<string, string>> = {
  ENOSPC: "no space left on the registry's disk",
  EDQUOT: "the disk quota of the registry is exceeded",
  EROFS: "the registry's disk is read-only",
};

/** What a request is answered that failed for a reason of its own. */
const asFault = (error: unknown): RegistryFault => {
  if (error instanceof RegistryFault) return error;
  const message = errnoFaults[String((error as { code?: unknown } | null)?.code)];
  return message === undefined ? fault("UNKNOWN", { cause: error }) : fault("UNAVAILABLE", { message, cause: error });
};

/** True while a body is still to come that nobody waits for. */
const hasUnreadBody = ({ complete, headers }: http.IncomingMessage): boolean =>
  !complete && (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0);

/** The distribution API over HTTP or HTTPS. */
export class RegistryServer implements AsyncDisposable {
  readonly #services: Services;
  readonly #server: http.Server;
  readonly #secure: boolean;
  readonly #transfers = new Transfers();

  constructor(services: Services) {
    this.#services = services;
    const { tls } = services.config;
    this.#secure = tls !== undefined;
    this.#server =
      tls === undefined
        ? http.createServer(serverOptions)
        : https.createServer({ ...serverOptions, ...tlsOptions(tls) });
    const take = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      void this.#answer(request, response);
    };
    this.#server.on("request", take);
    // The client waits for a sign before it sends its body; handlers give it once they want the body.
    this.#server.on("checkContinue", take);
    this.#server.maxHeadersCount = maxHeaders;
    this.#server.maxConnections = maxConnections;
    this.#server.timeout = idleTimeoutMs;
  }

  /** Begins to listen. @returns where, `host:port` */
  async listen({ host, port }: ListenAddress): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, ...(host === "" ? {} : { host }) }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const { address, family, port: actual } = this.#server.address() as AddressInfo;
    return family === "IPv6" ? `[${address}]:${actual}` : `${address}:${actual}`;
  }

  /** Takes no new request, lets those under way end, then closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), drainMs);
    await closed;
    clearTimeout(timer);
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { metrics, config, log } = this.#services;
    const begun = performance.now();
    const { socket } = request;
    const writtenBefore = socket.bytesWritten;
    const url = request.url ?? "";
    const mark = url.indexOf("?");
    const path = mark < 0 ? url : url.slice(0, mark);
    response.setHeader("docker-distribution-api-version", "registry/2.0");
    for (const [name, values] of config.headers) response.setHeader(name, values);
    const origin = config.relativeUrls ? "" : (config.publicUrl ?? originOf(request, this.#secure));
    const exchange: Exchange = {
      request,
      response,
      query: new URLSearchParams(mark < 0 ? "" : url.slice(mark)),
      actor: anonymous,
      bodyWanted: request.headers.expect === undefined,
      transfers: this.#transfers,
      bodyBytes: 0,
      location: (target) => origin + target,
    };
    let route: Route | null = null;
    const ended = metrics.begin(request.method ?? "");
    response.once("close", () => {
      const seconds = (performance.now() - begun) / 1000;
      ended(
        route?.kind ?? "other",
        response.statusCode,
        seconds,
        Math.max(socket.bytesWritten - writtenBefore, exchange.bodyBytes),
      );
      if (config.accessLog) {
        log("info", "response", {
          method: request.method,
          uri: url.slice(0, maxPathCharacters),
          status: response.statusCode,
          remote: request.socket.remoteAddress ?? "",
          user: exchange.actor.name,
          agent: request.headers["user-agent"] ?? "",
          seconds: seconds.toFixed(6),
        });
      }
    });
    try {
      route = url.length > maxPathCharacters ? null : readRoute(path);
      if (route === null) send(exchange, 404, { "content-type": "text/plain; charset=utf-8" }, "404 page not found\n");
      else await handle(this.#services, exchange, route);
    } catch (error) {
      this.#refuse(exchange, error);
    }
  }

  #refuse(exchange: Exchange, error: unknown): void {
    const { request, response } = exchange;
    const { log } = this.#services;
    if (response.headersSent || response.destroyed || request.socket.destroyed) {
      log("debug", "a request broke off", { error: String(error), uri: request.url ?? "" });
      response.destroy();
      return;
    }
    const answer = asFault(error);
    if (answer.code === "UNKNOWN" || answer.code === "UNAVAILABLE") {
      log("error", "a request failed", answer.cause ?? answer);
    }
    const headers = { "content-type": "application/json", ...answer.headers };
    if (!hasUnreadBody(request)) return send(exchange, answer.status, headers, answer.body());
    // Nobody knows whether a client that was not told to send its body sends it.
    if (!exchange.bodyWanted) response.setHeader("connection", "close");
    void this.#refuseEarly(exchange, answer, headers);
  }

  /** Says no before the whole body has come. The client may go on for a moment: cut off, it would not read why. */
  async #refuseEarly({ request, response }: Exchange, answer: RegistryFault, headers: object): Promise<void> {
    const body = answer.body();
    response.writeHead(answer.status, { ...headers, "content-length": Buffer.byteLength(body) });
    response.write(body);
    const abort = AbortSignal.timeout(lingerMs);
    request.resume();
    if (!request.complete) await once(request, "end", { signal: abort }).catch(() => undefined);
    const { socket } = request;
    response.end(() => {
      if (!request.complete) socket.destroy();
    });
  }
}
