import type { IncomingMessage } from "node:http";
import { errors, jwtVerify } from "jose";
import type { JWTPayload } from "jose";
import type { TokenConfig } from "../config/config.ts";
import { fault } from "../fault.ts";
import type { Access, Actor, Authenticator } from "./authenticator.ts";
import { TrustedKeys } from "./trusted-keys.ts";

const maxTokenCharacters = 14 * 1024;
/** How far the clocks may differ. **Source:** docker-registry's token leeway. */
const leewaySeconds = 60;
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** Access that a token grants. **Source:** Docker Registry v2 authentication, token specification. */
interface Granted {
  type: string;
  name: string;
  actions: string[];
}

const grantsOf = (payload: JWTPayload): Granted[] => {
  const { access } = payload;
  if (!Array.isArray(access)) return [];
  return access.filter((entry: unknown): entry is Granted => {
    if (typeof entry !== "object" || entry === null) return false;
    const { type, name, actions } = entry as Partial<Granted>;
    return typeof type === "string" && typeof name === "string" && Array.isArray(actions);
  });
};

const isGranted = (granted: readonly Granted[], { type, name, action }: Access): boolean =>
  granted.some(
    (entry) =>
      entry.type === type && entry.name === name && (entry.actions.includes(action) || entry.actions.includes("*")),
  );

/** `repository:name:pull,push` of what is wanted, one for each thing. */
const scopesOf = (access: readonly Access[]): string => {
  const actions = new Map<string, string[]>();
  for (const { type, name, action } of access) {
    const key = `${type}:${name}`;
    actions.set(key, [...(actions.get(key) ?? []), action]);
  }
  return [...actions].map(([key, wanted]) => `${key}:${wanted.join(",")}`).join(" ");
};

/**
 * Bearer tokens that a token server signed. Only configured keys count: a key that comes with the token is not looked
 * at, except a certificate that a configured one has signed (CVE-2025-24976).
 */
export class TokenAuthenticator implements Authenticator {
  readonly #config: TokenConfig;
  readonly #keys: TrustedKeys;

  private constructor(config: TokenConfig, keys: TrustedKeys) {
    this.#config = config;
    this.#keys = keys;
  }

  /** @throws Error when a key file cannot be read. */
  static async open(config: TokenConfig): Promise<TokenAuthenticator> {
    return new TokenAuthenticator(config, await TrustedKeys.read(config));
  }

  async authorize(request: IncomingMessage, access: readonly Access[]): Promise<Actor> {
    const token = /^bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) throw this.#challenge(request, access);
    const payload = await this.#verify(token);
    if (payload === null) throw this.#challenge(request, access, "invalid_token");
    const granted = grantsOf(payload);
    if (!access.every((wanted) => isGranted(granted, wanted))) {
      throw this.#challenge(request, access, "insufficient_scope");
    }
    return { name: payload.sub ?? "" };
  }

  async #verify(token: string): Promise<JWTPayload | null> {
    if (token.length > maxTokenCharacters) return null;
    const { issuer, service } = this.#config;
    for (const key of await this.#keys.candidates(token)) {
      try {
        const options = { issuer, audience: service, algorithms, clockTolerance: leewaySeconds };
        const { payload } = await jwtVerify(token, key, { ...options, requiredClaims: ["exp"] });
        return payload;
      } catch (error) {
        // Another key may be the right one; a type of key that does not fit is a TypeError.
        if (!(error instanceof errors.JOSEError) && !(error instanceof TypeError)) throw error;
      }
    }
    return null;
  }

  #challenge(request: IncomingMessage, access: readonly Access[], error?: string) {
    const { realm, service, autoRedirect } = this.#config;
    const host = request.headers.host ?? "";
    const own = autoRedirect && /^[A-Za-z0-9.:[\]_-]+$/.test(host) ? `https://${host}/auth/token/` : realm;
    const scope = scopesOf(access);
    const parameters = [
      `realm="${own}"`,
      `service="${service}"`,
      ...(scope === "" ? [] : [`scope="${scope}"`]),
      ...(error === undefined ? [] : [`error="${error}"`]),
    ];
    return fault("UNAUTHORIZED", {
      headers: { "www-authenticate": `Bearer ${parameters.join(",")}` },
      ...(access.length === 0 ? {} : { detail: access }),
    });
  }
}
