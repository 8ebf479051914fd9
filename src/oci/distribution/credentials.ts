import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";

const isDefault = (host: string): boolean => /^(index\.|registry-1\.)?docker\.io$/.test(host) || host === "";

/** The host that an address of a login names: `https://index.docker.io/v1/` is `docker.io`, and so is "". */
export const serverHost = (address: string): string => {
  const host = address.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";
  return isDefault(host) ? "docker.io" : host;
};

/** Credentials for a host that is not the one that they were sent for: only those that name it. */
export const authFor = (auth: RegistryAuthConfig | undefined, host: string): RegistryAuthConfig | undefined =>
  auth?.serveraddress !== undefined && auth.serveraddress !== "" && serverHost(auth.serveraddress) === host
    ? auth
    : undefined;

/** Name and password, also when they came as one in `auth`. */
export const passwordOf = (
  auth: RegistryAuthConfig | undefined,
): { username: string; password: string } | undefined => {
  if (auth?.username !== undefined && auth.username !== "")
    return { username: auth.username, password: auth.password ?? "" };
  const text = Buffer.from(auth?.auth ?? "", "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon <= 0
    ? undefined
    : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
};

/** The value of a Basic `Authorization` header, when there is a name to send. */
export const basicAuthorization = (auth: RegistryAuthConfig | undefined): string | undefined => {
  const found = passwordOf(auth);
  return found === undefined
    ? undefined
    : `Basic ${Buffer.from(`${found.username}:${found.password}`).toString("base64")}`;
};
