import { defaultDomain, parseReference } from "../../oci/reference.ts";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import type { Cli } from "../cli.ts";
import { readConfig, writeConfig } from "./config-file.ts";
import type { ConfigFile, FileAuth } from "./config-file.ts";
import { CredentialHelper, tokenUser } from "./helper.ts";

/** The name under which credentials of Docker Hub are kept. */
export const hubServer = "https://index.docker.io/v1/";

/** The name under which credentials for a registry are kept. @param host as names of images have it */
export const serverOf = (host: string): string =>
  host === "" || host === defaultDomain || host === "index.docker.io" ? hubServer : host;

/** `registry.test` of `https://registry.test/v1/`. */
export const hostOf = (server: string): string => server.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";

const helperFor = (config: ConfigFile, server: string): string | undefined =>
  config.credHelpers?.[server] ?? config.credHelpers?.[hostOf(server)] ?? (config.credsStore || undefined);

const decoded = (entry: FileAuth): Pick<RegistryAuthConfig, "username" | "password"> => {
  const text = Buffer.from(entry.auth ?? "", "base64").toString("utf8");
  const at = text.indexOf(":");
  if (at < 0) return {};
  return { username: text.slice(0, at), password: text.slice(at + 1).replace(/\0+$/, "") };
};

const fromFile = ({ auths = {} }: ConfigFile, server: string): RegistryAuthConfig => {
  // Old entries have a scheme or a path.
  const entry = auths[server] ?? Object.entries(auths).find(([key]) => hostOf(key) === hostOf(server))?.[1];
  if (entry === undefined) return {};
  const { identitytoken, registrytoken } = entry;
  return {
    ...decoded(entry),
    ...(identitytoken ? { identitytoken } : {}),
    ...(registrytoken ? { registrytoken } : {}),
    serveraddress: server,
  };
};

/** What is kept for a registry; empty when nothing is. @param host as names of images have it */
export const credentialsFor = async (env: Cli["env"], host: string): Promise<RegistryAuthConfig> => {
  const config = readConfig(env);
  const server = serverOf(host);
  const helper = helperFor(config, server);
  if (helper === undefined) return fromFile(config, server);
  const found = await new CredentialHelper(helper, env).get(server);
  if (found === undefined) return {};
  return found.Username === tokenUser
    ? { identitytoken: found.Secret, serveraddress: server }
    : { username: found.Username, password: found.Secret, serveraddress: server };
};

/** The header that hands credentials to the engine. **Source:** Engine API, Authentication. */
export const authHeader = async (env: Cli["env"], host: string): Promise<Record<string, string>> => ({
  "X-Registry-Auth": Buffer.from(JSON.stringify(await credentialsFor(env, host))).toString("base64url"),
});

/** As `authHeader`, for the registry of an image. @throws EngineError for what is no name */
export const authHeaderFor = (env: Cli["env"], image: string): Promise<Record<string, string>> =>
  authHeader(env, parseReference(image).domain);

/**
 * Keeps credentials: with the helper that the file names, else in the file.
 *
 * @returns whether they are in the file, for everybody to read who can read it
 */
export const storeCredentials = async (
  env: Cli["env"],
  server: string,
  { username = "", password = "", identitytoken = "" }: RegistryAuthConfig,
): Promise<boolean> => {
  const config = readConfig(env);
  const helper = helperFor(config, server);
  const entry: FileAuth =
    helper !== undefined
      ? {}
      : identitytoken === ""
        ? { auth: Buffer.from(`${username}:${password}`).toString("base64") }
        : { auth: Buffer.from(`${username}:`).toString("base64"), identitytoken };
  if (helper !== undefined)
    await new CredentialHelper(helper, env).store({
      ServerURL: server,
      Username: identitytoken === "" ? username : tokenUser,
      Secret: identitytoken === "" ? password : identitytoken,
    });
  writeConfig(env, { ...config, auths: { ...config.auths, [server]: entry } });
  return helper === undefined;
};

/** Forgets what is kept for a registry, however it was spelled. */
export const eraseCredentials = async (env: Cli["env"], server: string): Promise<void> => {
  const config = readConfig(env);
  const helper = helperFor(config, server);
  const host = hostOf(server);
  const spellings = server === hubServer ? [server] : [host, `http://${host}`, `https://${host}`];
  if (helper !== undefined) for (const one of spellings) await new CredentialHelper(helper, env).erase(one);
  const auths = Object.fromEntries(Object.entries(config.auths ?? {}).filter(([key]) => !spellings.includes(key)));
  if (Object.keys(auths).length !== Object.keys(config.auths ?? {}).length) writeConfig(env, { ...config, auths });
};
