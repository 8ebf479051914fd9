import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";

const maxHeaderLength = 64 * 1024;

/**
 * Reads an `X-Registry-Auth` header: base64url JSON. An empty or unreadable one is no credentials, as Docker has it.
 *
 * **Source:** Engine API, section Authentication.
 */
export const decodeRegistryAuth = (header: string | undefined): RegistryAuthConfig | undefined => {
  if (header === undefined || header === "" || header.length > maxHeaderLength) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const keys = ["username", "password", "auth", "email", "serveraddress", "identitytoken", "registrytoken"] as const;
  const auth: RegistryAuthConfig = {};
  for (const key of keys) {
    const value = (parsed as Record<string, unknown>)[key];
    if (typeof value === "string" && value !== "") auth[key] = value;
  }
  return auth;
};

/** The value of a Basic `Authorization` header, when there is a name to send. */
export const basicAuthorization = (auth: RegistryAuthConfig | undefined): string | undefined => {
  if (auth?.username !== undefined && auth.username !== "")
    return `Basic ${Buffer.from(`${auth.username}:${auth.password ?? ""}`).toString("base64")}`;
  return auth?.auth === undefined || auth.auth === "" ? undefined : `Basic ${auth.auth}`;
};
