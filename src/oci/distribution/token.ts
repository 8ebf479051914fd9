import type { RegistryAuthConfig, TokenAnswer } from "../../wire/registry/auth.ts";
import { basicAuthorization, passwordOf } from "./credentials.ts";
import { errorOfAnswer } from "./error-answer.ts";
import { ContentError } from "./registry-error.ts";
import { readBody } from "./transport.ts";
import type { Transport } from "./transport.ts";

const maxAnswerBytes = 1024 * 1024;
/** How long a token lives that does not say so. */
const defaultLifetimeMs = 60_000;
/** A token is renewed when less than this is left of it, or a quarter of its life. */
const renewBeforeMs = 10_000;
const clientId = "berth";

export interface BearerToken {
  token: string;
  /** When to ask for another, milliseconds since the epoch. */
  renewAt: number;
  /** What renews it without a password, when the server gave that. */
  refreshToken?: string;
}

const parse = (text: string): TokenAnswer => {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === "object" && answer !== null) return answer;
  } catch {
    // Said below.
  }
  throw new ContentError("unable to decode token response");
};

/**
 * Asks a token server for a token: by POST with a refresh token when there is one, else by GET, with name and password
 * or as anybody.
 *
 * @throws RegistryError, TransportError or ContentError when there is none to be had.
 *
 * **Source:** Docker registry token authentication, and its OAuth2 flow.
 */
export const fetchToken = async (
  transport: Transport,
  challenge: Record<string, string>,
  options: {
    scopes: readonly string[];
    auth: RegistryAuthConfig | undefined;
    signal: AbortSignal | undefined;
    offline: boolean;
  },
): Promise<BearerToken> => {
  const { scopes, auth, signal, offline } = options;
  const realm = challenge["realm"] ?? "";
  if (!URL.canParse(realm) || !/^https?:$/.test(new URL(realm).protocol))
    throw new ContentError(`invalid token auth challenge realm: ${JSON.stringify(realm)}`);
  const url = new URL(realm);
  const { service } = challenge;
  const refresh = auth?.identitytoken;
  const answer = await (async () => {
    if (refresh !== undefined && refresh !== "") {
      const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: refresh, client_id: clientId });
      if (service !== undefined) form.set("service", service);
      if (scopes.length > 0) form.set("scope", scopes.join(" "));
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      return transport.send({ method: "POST", url, headers, body: Buffer.from(form.toString()), signal });
    }
    if (service !== undefined) url.searchParams.set("service", service);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    const authorization = basicAuthorization(auth);
    const account = passwordOf(auth)?.username;
    if (account !== undefined) url.searchParams.set("account", account);
    if (offline) {
      url.searchParams.set("offline_token", "true");
      url.searchParams.set("client_id", clientId);
    }
    return transport.send({
      method: "GET",
      url,
      headers: authorization === undefined ? {} : { authorization },
      signal,
    });
  })();
  const text = (await readBody(answer, maxAnswerBytes)).toString("utf8");
  if (answer.status >= 300) throw errorOfAnswer(answer.status, answer.headers, text);
  const body = parse(text);
  const token = [body.token, body.access_token].find((value) => typeof value === "string" && value !== "");
  if (token === undefined) throw new ContentError("authorization server did not include a token in the response");
  const lifetimeMs = typeof body.expires_in === "number" && body.expires_in > 0 ? body.expires_in * 1000 : 0;
  const lives = lifetimeMs === 0 ? defaultLifetimeMs : lifetimeMs;
  const { refresh_token: given } = body;
  return {
    token,
    renewAt: Date.now() + lives - Math.min(renewBeforeMs, lives / 4),
    ...(typeof given === "string" && given !== "" ? { refreshToken: given } : {}),
  };
};
