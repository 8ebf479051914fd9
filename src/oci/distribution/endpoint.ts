import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { readCertificates } from "./certificates.ts";
import type { RegistryCertificates } from "./certificates.ts";

/** How registries are reached; the daemon's configuration. */
export interface RegistrySettings {
  /** Hosts (`name:port`) and networks (CIDR) that may speak HTTP or show any certificate. Loopback always may. */
  insecureRegistries: readonly string[];
  /** URLs asked before the default registry. */
  mirrors: readonly string[];
  /** The folder of folders named `<host>`, `/etc/docker/certs.d`. */
  certificatesDirectory: string;
  /** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, when a proxy is to be used. */
  proxyEnvironment?: Record<string, string | undefined>;
}

/** One place where a registry can be asked. */
export interface Endpoint {
  scheme: "https" | "http";
  /** `name:port` or `name`. */
  host: string;
  /** Any certificate will do. */
  insecure: boolean;
  mirror: boolean;
  certificates: RegistryCertificates;
}

/** The domain of names without one, and the host that serves it. */
const defaultDomain = "docker.io";
const defaultHost = "registry-1.docker.io";

const loopback = ["127.0.0.0/8", "::1/128"];

const hostnameOf = (host: string): string => new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, "");

const listOf = (networks: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix = ""] = network.split("/");
    if (isIP(address) !== 0 && /^\d+$/.test(prefix))
      list.addSubnet(address, Number(prefix), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return list;
};

const addressesOf = async (name: string): Promise<string[]> => {
  if (isIP(name) !== 0) return [name];
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
};

/** Whether a registry may be spoken to without a certificate that we trust: named so, or inside a network named so. */
export const isInsecure = async (host: string, insecureRegistries: readonly string[]): Promise<boolean> => {
  if (insecureRegistries.includes(host)) return true;
  const networks = listOf([...loopback, ...insecureRegistries]);
  const addresses = await addressesOf(hostnameOf(host));
  return addresses.some((address) => networks.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"));
};

const endpointOf = async (
  scheme: "https" | "http",
  host: string,
  mirror: boolean,
  settings: RegistrySettings,
): Promise<Endpoint> => ({
  scheme,
  host,
  mirror,
  insecure: await isInsecure(host, settings.insecureRegistries),
  certificates: await readCertificates(settings.certificatesDirectory, host),
});

/**
 * Where the registry of a domain can be asked, in the order in which to try: mirrors (for pulling from the default
 * registry), HTTPS, and HTTP for insecure registries.
 *
 * @throws Error when the registry's folder of certificates is not in order.
 */
export const lookupEndpoints = async (
  domain: string,
  settings: RegistrySettings,
  options: { mirrors: boolean },
): Promise<Endpoint[]> => {
  if (domain !== defaultDomain) {
    const secure = await endpointOf("https", domain, false, settings);
    return secure.insecure ? [secure, { ...secure, scheme: "http" }] : [secure];
  }
  const endpoints: Endpoint[] = [];
  for (const mirror of options.mirrors ? settings.mirrors : []) {
    const url = new URL(/^https?:\/\//.test(mirror) ? mirror : `https://${mirror}`);
    endpoints.push(await endpointOf(url.protocol === "http:" ? "http" : "https", url.host, true, settings));
  }
  endpoints.push(await endpointOf("https", defaultHost, false, settings));
  return endpoints;
};
