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

/** A token is renewed when less than this is left of it. */
const renewBeforeMs = 10_000;

/** Answers the challenges of one registry for one set of scopes (`repository:name:pull`). */
export class Authorizer {
  readonly #transport: Transport;
  readonly #auth: RegistryAuthConfig | undefined;
  readonly #scopes: readonly string[];
  #basic = false;
  #bearer: Record<string, string> | undefined;
  #token: Promise<BearerToken> | undefined;

  constructor(transport: Transport, auth: RegistryAuthConfig | undefined, scopes: readonly string[]) {
    this.#transport = transport;
    this.#auth = auth;
    this.#scopes = scopes;
  }

  /** Takes the challenge of a 401. */
  learn(header: string): void {
    for (const { scheme, parameters } of parseChallenges(header)) {
      if (scheme === "bearer") this.#bearer ??= parameters;
      if (scheme === "basic") this.#basic = true;
    }
  }

  /** Forgets the token that a registry no longer takes. */
  forget(): void {
    this.#token = undefined;
  }

  /** True when name and password are sent with each request: a 401 then is final. */
  get isBasic(): boolean {
    return this.#basic && this.#bearer === undefined && !this.#auth?.registrytoken;
  }

  /** True when a 401 may be answered with a fresh token. */
  get renewable(): boolean {
    return this.#bearer !== undefined && this.#auth?.registrytoken === undefined;
  }

  /**
   * The `Authorization` header of a request, or none where none was asked for.
   *
   * @throws TransportError in Docker's words when credentials are wanted and there are none, or no token is given.
   */
  async header(method: string, url: URL, signal: AbortSignal | undefined): Promise<string | undefined> {
    const given = this.#auth?.registrytoken;
    if (given !== undefined && given !== "") return `Bearer ${given}`;
    if (this.#bearer !== undefined) return `Bearer ${await this.#bearerToken(method, url, this.#bearer, signal)}`;
    if (!this.#basic) return undefined;
    const basic = basicAuthorization(this.#auth);
    if (basic === undefined) throw new CredentialsError(method, url.href);
    return basic;
  }

  async #bearerToken(
    method: string,
    url: URL,
    challenge: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    try {
      const known = await this.#token;
      if (known !== undefined && known.expiresAt - renewBeforeMs > Date.now()) return known.token;
      const asked = fetchToken(this.#transport, challenge, this.#scopes, this.#auth, signal);
      this.#token = asked;
      return (await asked).token;
    } catch (error) {
      this.#token = undefined;
      if (error instanceof RegistryError) throw error;
      if (error instanceof ContentError || error instanceof UnexpectedAnswerError)
        throw new TransportError(method, url.href, error.message, { cause: error, temporary: false });
      throw error;
    }
  }
}
