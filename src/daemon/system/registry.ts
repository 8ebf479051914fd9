import { type EngineError, messageOf, notFound, systemError, unauthorized } from "../../base/errors.ts";
import { RegistryClient, type ClientOptions } from "../../oci/distribution/client.ts";
import { withRepository } from "../../oci/distribution/connect.ts";
import { lookupEndpoints, type RegistrySettings } from "../../oci/distribution/endpoint.ts";
import { parseManifest } from "../../oci/distribution/manifest.ts";
import { RegistryError, TransportError } from "../../oci/distribution/registry-error.ts";
import type { Repository } from "../../oci/distribution/repository.ts";
import { readBody } from "../../oci/distribution/transport.ts";
import { parseReference } from "../../oci/reference.ts";
import type { OCIDescriptor, OCIPlatform } from "../../wire/engine/image.ts";
import type { RegistryAuthConfig } from "../../wire/registry/auth.ts";

/** How registries are reached, and as whom. */
export interface RegistryAccess {
  settings: RegistrySettings;
  userAgent: string;
}

/** Only a refusal is told at once; nobody wants to wait for a login. */
const once = { attempts: 1, firstDelayMs: 0, maxDelayMs: 0 };
const defaultDomain = "docker.io";
/** An image's configuration, for its platform. */
const maxConfigBytes = 4 * 1024 * 1024;

/** `http://registry:5000/v2/` and `registry:5000` are one registry; Docker's own index is the default's. */
export const domainOf = (address: string | undefined): string => {
  const host = (address ?? "").replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return host === "" || host === "index.docker.io" ? defaultDomain : host;
};

/**
 * Asks a registry whether credentials are good.
 * @throws unauthorized, or system when the registry cannot be asked, in Docker's words.
 * **Source:** Engine API, SystemAuth.
 */
export const login = async (
  access: RegistryAccess,
  credentials: RegistryAuthConfig,
  signal: AbortSignal,
): Promise<{ status: string; identityToken: string }> => {
  const endpoints = await lookupEndpoints(domainOf(credentials.serveraddress), access.settings, { mirrors: false });
  const options: ClientOptions = { ...access, auth: credentials, retry: once, signal };
  let last: unknown = new Error("no endpoints found");
  for (const endpoint of endpoints) {
    try {
      using client = await RegistryClient.open(endpoint, options, []);
      const answer = await client.send({ method: "GET", url: client.base, signal });
      answer.body.destroy();
      return { status: "Login Succeeded", identityToken: "" };
    } catch (error) {
      if (error instanceof RegistryError) throw refused(error, `${endpoint.scheme}://${endpoint.host}/v2/`);
      last = error;
      if (!(error instanceof TransportError) || signal.aborted) break;
    }
  }
  throw systemError(messageOf(last), last);
};

const refused = (error: RegistryError, url: string): EngineError =>
  error.status === 401
    ? systemError(`login attempt to ${url} failed with status: 401 Unauthorized`, error)
    : error.code === "UNAUTHORIZED" || error.code === "DENIED"
      ? unauthorized(`Get ${JSON.stringify(url)}: ${error.message}`, error)
      : systemError(`login attempt to ${url} failed with status: ${error.status}`, error);

export interface DistributionInspect {
  Descriptor: OCIDescriptor;
  Platforms: OCIPlatform[];
}

/**
 * What a registry holds under a name, without pulling it.
 * @throws not-found, unauthorized or system, in Docker's words.
 * **Source:** Engine API, DistributionInspect.
 */
export const inspectDistribution = async (
  access: RegistryAccess,
  name: string,
  auth: RegistryAuthConfig,
  signal: AbortSignal,
): Promise<DistributionInspect> => {
  const reference = parseReference(name);
  const options: ClientOptions = { ...access, auth, signal };
  try {
    return await withRepository(reference, "pull", options, async (repository) => {
      const { bytes, digest, mediaType } = await repository.manifest(reference.digest ?? reference.tag ?? "latest", signal);
      return {
        Descriptor: { mediaType, digest, size: bytes.length },
        Platforms: await platforms(repository, bytes, mediaType, signal),
      };
    });
  } catch (error) {
    throw distributionError(error);
  }
};

const platforms = async (
  repository: Repository,
  bytes: Buffer,
  announced: string,
  signal: AbortSignal,
): Promise<OCIPlatform[]> => {
  const parsed = parseManifest(bytes, announced);
  if (parsed.kind === "index") return parsed.index.manifests.map(({ platform }) => platform ?? {});
  const url = repository.url(`blobs/${parsed.manifest.config.digest}`);
  const config = await readBody(await repository.client.send({ method: "GET", url, signal }), maxConfigBytes);
  const { architecture, os, variant } = JSON.parse(config.toString("utf8")) as OCIPlatform;
  return [{ ...(architecture ? { architecture } : {}), ...(os ? { os } : {}), ...(variant ? { variant } : {}) }];
};

const distributionError = (error: unknown): EngineError => {
  const message = messageOf(error);
  if (!(error instanceof RegistryError)) return systemError(message, error);
  if (error.status === 404) return notFound(message, error);
  return error.status === 401 || error.code === "DENIED" ? unauthorized(message, error) : systemError(message, error);
};
