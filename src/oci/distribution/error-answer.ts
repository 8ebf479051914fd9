import { STATUS_CODES } from "node:http";
import { parseChallenges } from "./challenge.ts";
import { RegistryError, UnexpectedAnswerError } from "./registry-error.ts";

const defaultText: Record<string, string> = {
  UNAUTHORIZED: "authentication required",
  DENIED: "requested access to the resource is denied",
  MANIFEST_UNKNOWN: "manifest unknown",
  NAME_UNKNOWN: "repository name not known to registry",
  TOOMANYREQUESTS: "too many requests",
  UNKNOWN: "unknown error",
};

const codeOfStatus: Record<number, string> = { 401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS" };

const codeOfChallenge: Record<string, string> = { invalid_token: "UNAUTHORIZED", insufficient_scope: "DENIED" };

const firstError = (body: string): { code: string; message: string } | undefined => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { errors, details } = parsed as { errors?: unknown; details?: unknown };
  if (typeof details === "string" && details !== "") return { code: "", message: details };
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== "object" || first === null) return undefined;
  const { code, message } = first as { code?: unknown; message?: unknown };
  return {
    code: typeof code === "string" && /^[A-Za-z_ ]+$/.test(code) ? code.toUpperCase() : "UNKNOWN",
    message: typeof message === "string" ? message : "",
  };
};

/**
 * The error that an answer with a status of 400 or more stands for.
 *
 * **Source:** OCI distribution-spec, Error Codes; RFC 6750, section 3.1 (errors in the challenge).
 */
export const errorOfAnswer = (
  status: number,
  headers: { "www-authenticate"?: string | undefined; "content-type"?: string | undefined },
  body: string,
): RegistryError | UnexpectedAnswerError => {
  if (status < 400 || status >= 500)
    return new UnexpectedAnswerError(
      status,
      `received unexpected HTTP status: ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd(),
    );
  for (const { scheme, parameters } of parseChallenges(headers["www-authenticate"] ?? "")) {
    const code = scheme === "bearer" ? codeOfChallenge[parameters["error"] ?? ""] : undefined;
    if (code !== undefined)
      return new RegistryError(status, code, parameters["error_description"] || (defaultText[code] ?? ""));
  }
  const isJson = /^application\/(vnd\.api\+)?json\b/.test(headers["content-type"] ?? "");
  const found = isJson ? firstError(body) : { code: "", message: body };
  if (found !== undefined) {
    const code = found.code || (codeOfStatus[status] ?? "UNKNOWN");
    return new RegistryError(status, code, found.message || (defaultText[code] ?? ""));
  }
  if (status === 401) return new RegistryError(status, "UNAUTHORIZED", "authentication required");
  const text = JSON.stringify(body.slice(0, 512));
  return new UnexpectedAnswerError(status, `error parsing HTTP ${status} response body: ${text}`);
};
