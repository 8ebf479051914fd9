import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import { Authorizer } from "./authorizer.ts";
import type { Endpoint, RegistrySettings } from "./endpoint.ts";
import { errorOfAnswer } from "./error-answer.ts";
import { CredentialsError, TransportError } from "./registry-error.ts";
import { defaultRetry, retry, retryAfterMs } from "./retry.ts";
import type { RetryPolicy } from "./retry.ts";
import { drain, readBody, Transport } from "./transport.ts";
import type { RegistryAnswer, RegistryRequest } from "./transport.ts";

const maxErrorBytes = 64 * 1024;
const pingTimeoutMs = 15_000;

export interface ClientOptions {
  settings: RegistrySettings;
  userAgent: string;
  auth?: RegistryAuthConfig | undefined;
  retry?: RetryPolicy;
  /** Scopes besides that of the repository: `repository:other:pull`. */
  scopes?: readonly string[];
  signal?: AbortSignal | undefined;
  /** Asks a token server for a refresh token too, as a login does. */
  offline?: boolean;
}

/** Authorized, repeated and checked requests to one registry, for the scopes it was opened with. */
export class RegistryClient implements Disposable {
  readonly base: URL;
  readonly endpoint: Endpoint;
  readonly retry: RetryPolicy;
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #waits = new WeakMap<object, number>();

  private constructor(endpoint: Endpoint, options: ClientOptions, scopes: readonly string[]) {
    const { proxyEnvironment } = options.settings;
    this.endpoint = endpoint;
    this.base = new URL(`${endpoint.scheme}://${endpoint.host}${endpoint.prefix}/v2/`);
    this.retry = options.retry ?? defaultRetry;
    this.#transport = new Transport(endpoint, {
      userAgent: options.userAgent,
      ...(proxyEnvironment === undefined ? {} : { proxyEnvironment }),
    });
    this.#authorizer = new Authorizer(this.#transport, {
      auth: options.auth,
      scopes,
      signal: options.signal,
      offline: options.offline === true,
    });
  }

  /**
   * Meets the registry: sends `GET /v2/` and learns how it wants to be authorized.
   *
   * @throws TransportError when nothing answers there.
   */
  static async open(endpoint: Endpoint, options: ClientOptions, scopes: readonly string[]): Promise<RegistryClient> {
    const client = new RegistryClient(endpoint, options, scopes);
    const timeout = AbortSignal.timeout(pingTimeoutMs);
    try {
      const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
      const answer = await client.#transport.send({ method: "GET", url: client.base, signal });
      await drain(answer.body);
      client.#authorizer.learn(answer.headers["www-authenticate"] ?? "");
      return client;
    } catch (error) {
      client[Symbol.dispose]();
      if (!timeout.aborted || options.signal?.aborted) throw error;
      const text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
      throw new TransportError("GET", client.base.href, text, { cause: error, temporary: false });
    }
  }

  /**
   * Sends a request and returns an answer below 400, or one of the statuses in `accept`. A request with a stream as its
   * body is sent once.
   *
   * @throws RegistryError, UnexpectedAnswerError or TransportError.
   */
  async send(request: RegistryRequest, accept: readonly number[] = []): Promise<RegistryAnswer> {
    const once = request.body !== undefined && !(request.body instanceof Uint8Array);
    const policy = once ? { ...this.retry, attempts: 1 } : this.retry;
    return retry(
      policy,
      request.signal,
      () => this.#send(request, accept, !once),
      (error) => this.waitMs(error),
    );
  }

  /**
   * The same to a place that is not this registry's, named by an image: no credentials go there.
   *
   * @throws like `send`
   */
  async sendElsewhere(request: RegistryRequest): Promise<RegistryAnswer> {
    const { authorization: _, ...headers } = request.headers ?? {};
    const answer = await this.#transport.send({ ...request, headers });
    if (answer.status < 400) return answer;
    throw await this.#errorOf(answer, request.method);
  }

  /** Whether a 401 in the middle of something may be answered with a fresh token. */
  get renewable(): boolean {
    return this.#authorizer.renewable;
  }

  /** The refresh token that the token server gave, when it was asked for one. */
  get refreshToken(): string | undefined {
    return this.#authorizer.refreshToken;
  }

  async #send(request: RegistryRequest, accept: readonly number[], mayRepeat: boolean): Promise<RegistryAnswer> {
    const { method, url } = request;
    const authorization = url.origin === this.base.origin ? await this.#authorizer.header(method, url) : undefined;
    const headers = authorization === undefined ? request.headers : { ...request.headers, authorization };
    const answer = await this.#transport.send({ ...request, headers: headers ?? {} });
    if (answer.status < 400 || accept.includes(answer.status)) {
      // Only what a GET brings is ever read.
      if (method !== "GET") await drain(answer.body);
      return answer;
    }
    const error = await this.#errorOf(answer, method);
    const fresh = this.#refresh(answer, authorization);
    if (fresh && mayRepeat) return this.#send(request, accept, false);
    if (answer.status === 401 && this.#authorizer.isBasic) throw new CredentialsError(method, url.href);
    throw error;
  }

  /** Reads an answer that says no. */
  async #errorOf(answer: RegistryAnswer, method: RegistryRequest["method"]): Promise<Error> {
    let text = "";
    if (method === "HEAD") await drain(answer.body);
    else {
      // Whoever says no before it has read everything may close the connection before it has said why.
      const body = readBody(answer, maxErrorBytes).catch(() => Buffer.alloc(0));
      text = (await body).toString("utf8");
    }
    const error = errorOfAnswer(answer.status, answer.headers, text);
    const waitMs = retryAfterMs(answer.headers["retry-after"], Date.now());
    if (waitMs !== undefined) this.#waits.set(error, waitMs);
    return error;
  }

  /** How long a server asked to wait by `Retry-After` in the answer that became this error. */
  waitMs(error: unknown): number | undefined {
    return typeof error === "object" && error !== null ? this.#waits.get(error) : undefined;
  }

  /** A 401 in the middle: the token has run out, or the challenge came only now. True when trying again may help. */
  #refresh(answer: RegistryAnswer, used: string | undefined): boolean {
    const challenge = answer.headers["www-authenticate"];
    if (answer.status !== 401 || answer.url.origin !== this.base.origin) return false;
    const isFirst = !this.#authorizer.isBasic;
    if (challenge !== undefined) this.#authorizer.learn(challenge);
    this.#authorizer.forget(used);
    return this.#authorizer.renewable || (used === undefined && isFirst && this.#authorizer.isBasic);
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}
