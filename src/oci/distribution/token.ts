import type { RegistryAuthConfig, TokenAnswer } from "../../wire/registry/auth.ts";
import { basicAuthorization } from "./credentials.ts";
import { errorOfAnswer } from "./error-answer.ts";
import { ContentError } from "./registry-error.ts";
import { readBody } from "./transport.ts";
import type { Transport } from "./transport.ts";

const maxAnswerBytes = 1024 * 1024;
/** How long a token lives that does not say so, and the least that is believed. */
const defaultLifetimeMs = 60_000;
const clientId = "berth";

export interface BearerToken {
  token: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
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
  scopes: readonly string[],
  auth: RegistryAuthConfig | undefined,
  signal: AbortSignal | undefined,
): Promise<BearerToken> => {
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
    if (auth?.username !== undefined && authorization !== undefined) url.searchParams.set("account", auth.username);
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
  const lifetimeMs = typeof body.expires_in === "number" ? body.expires_in * 1000 : defaultLifetimeMs;
  return { token, expiresAt: Date.now() + Math.max(lifetimeMs, defaultLifetimeMs) };
};
