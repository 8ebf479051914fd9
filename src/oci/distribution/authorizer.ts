import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import { parseChallenges } from "./challenge.ts";
import { basicAuthorization } from "./credentials.ts";
import {
  ContentError,
  CredentialsError,
  RegistryError,
  TransportError,
  UnexpectedAnswerError,
} from "./registry-error.ts";
import { fetchToken } from "./token.ts";
import type { BearerToken } from "./token.ts";
import type { Transport } from "./transport.ts";

export interface AuthorizerOptions {
  auth: RegistryAuthConfig | undefined;
  /** `repository:name:pull` */
  scopes: readonly string[];
  /** Ends what the whole client does. */
  signal: AbortSignal | undefined;
  /** Asks for a refresh token too. */
  offline: boolean;
}

/** Answers the challenges of one registry for one set of scopes. */
export class Authorizer {
  readonly #transport: Transport;
  readonly #options: AuthorizerOptions;
  #basic = false;
  #bearer: Record<string, string> | undefined;
  /** One request for a token serves all who need one. */
  #asked: Promise<BearerToken> | undefined;
  #token: BearerToken | undefined;
  #refreshToken: string | undefined;

  constructor(transport: Transport, options: AuthorizerOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** Takes the challenge of a 401. */
  learn(header: string): void {
    for (const { scheme, parameters } of parseChallenges(header)) {
      if (scheme === "bearer") this.#bearer ??= parameters;
      if (scheme === "basic") this.#basic = true;
    }
  }

  /** Forgets the token that a registry no longer takes, unless there is a newer one already. */
  forget(used: string | undefined): void {
    if (used === undefined || this.#token === undefined || used === `Bearer ${this.#token.token}`)
      this.#token = undefined;
  }

  /** True when name and password are sent with each request: a 401 then is final. */
  get isBasic(): boolean {
    return this.#basic && this.#bearer === undefined && !this.#options.auth?.registrytoken;
  }

  /** True when a 401 may be answered with a fresh token. */
  get renewable(): boolean {
    return this.#bearer !== undefined && !this.#options.auth?.registrytoken;
  }

  get refreshToken(): string | undefined {
    return this.#refreshToken;
  }

  /**
   * The `Authorization` header of a request, or none where none was asked for.
   *
   * @throws TransportError in Docker's words when credentials are wanted and there are none, or no token is given.
   */
  async header(method: string, url: URL): Promise<string | undefined> {
    const given = this.#options.auth?.registrytoken;
    if (given !== undefined && given !== "") return `Bearer ${given}`;
    if (this.#bearer !== undefined) return `Bearer ${await this.#bearerToken(method, url, this.#bearer)}`;
    if (!this.#basic) return undefined;
    const basic = basicAuthorization(this.#options.auth);
    if (basic === undefined) throw new CredentialsError(method, url.href);
    return basic;
  }

  async #bearerToken(method: string, url: URL, challenge: Record<string, string>): Promise<string> {
    if (this.#token !== undefined && this.#token.renewAt > Date.now()) return this.#token.token;
    try {
      this.#asked ??= this.#ask(challenge);
      const { token } = await this.#asked;
      return token;
    } catch (error) {
      if (error instanceof RegistryError) throw error;
      if (error instanceof ContentError || error instanceof UnexpectedAnswerError)
        throw new TransportError(method, url.href, error.message, { cause: error, temporary: false });
      throw error;
    }
  }

  async #ask(challenge: Record<string, string>): Promise<BearerToken> {
    const { auth, scopes, signal, offline } = this.#options;
    try {
      const refreshing = this.#refreshToken === undefined ? auth : { ...auth, identitytoken: this.#refreshToken };
      this.#token = await fetchToken(this.#transport, challenge, { scopes, auth: refreshing, signal, offline });
      this.#refreshToken = this.#token.refreshToken ?? this.#refreshToken;
      return this.#token;
    } finally {
      this.#asked = undefined;
    }
  }
}
