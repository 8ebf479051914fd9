import { EngineError, invalidParameter, messageOf, systemError, unauthorized } from "../../base/errors.ts";
import { RegistryClient } from "../../oci/distribution/client.ts";
import { serverHost } from "../../oci/distribution/credentials.ts";
import { originEndpoints } from "../../oci/distribution/endpoint.ts";
import type { Endpoint } from "../../oci/distribution/endpoint.ts";
import { drain } from "../../oci/distribution/transport.ts";
import { RegistryError } from "../../oci/distribution/registry-error.ts";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";
import type { RegistryAccess } from "./context.ts";

const domainOf = (address: string): string => {
  const url = /^https?:\/\//.test(address) ? address : `https://${address}`;
  if (address !== "" && !URL.canParse(url)) throw invalidParameter(`unable to parse server address: ${address}`);
  return serverHost(address === "" ? "" : new URL(url).host);
};

/** @returns the refresh token that stands for the password from now on; "" when the registry gives none */
const tryEndpoint = async (
  endpoint: Endpoint,
  registry: RegistryAccess,
  auth: RegistryAuthConfig,
  signal: AbortSignal | undefined,
): Promise<string> => {
  const { settings, userAgent, retry } = registry;
  const options = { settings, userAgent, auth, signal, offline: true, ...(retry === undefined ? {} : { retry }) };
  using client = await RegistryClient.open(endpoint, options, []);
  const answer = await client.send({ method: "GET", url: client.base, signal }, [401, 403]);
  await drain(answer.body);
  if (answer.status === 200) return client.refreshToken ?? auth.identitytoken ?? "";
  const word = answer.status === 401 ? "401 Unauthorized" : String(answer.status);
  const message = `login attempt to ${client.base.href} failed with status: ${word}`;
  throw systemError(message);
};

/**
 * Asks a registry whether credentials are good.
 *
 * @throws EngineError system when they are not, or when the registry cannot be asked; unauthorized when a token server
 * refuses them.
 *
 * **Source:** Engine API, SystemAuth.
 */
export const loginToRegistry = async (
  registry: RegistryAccess,
  auth: RegistryAuthConfig,
  signal?: AbortSignal,
): Promise<{ status: string; identityToken: string }> => {
  let last: unknown;
  for (const endpoint of await originEndpoints(domainOf(auth.serveraddress ?? ""), registry.settings)) {
    try {
      const identityToken = await tryEndpoint(endpoint, registry, auth, signal);
      return { status: "Login Succeeded", identityToken };
    } catch (error) {
      last = error;
      // Credentials that were refused are not tried on a less safe way.
      if (error instanceof EngineError || error instanceof RegistryError || signal?.aborted) break;
    }
  }
  if (last instanceof EngineError) throw last;
  const isRefused = last instanceof RegistryError && last.code === "UNAUTHORIZED";
  throw (isRefused ? unauthorized : systemError)(messageOf(last), last);
};
