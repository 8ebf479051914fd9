import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { readCertificates } from "./certificates.ts";
import type { RegistryCertificates } from "./certificates.ts";
import { mirrorsOf } from "./mirror.ts";
import type { MirrorHealth } from "./mirror.ts";

/** How registries are reached; the daemon's configuration. */
export interface RegistrySettings {
  /** Hosts (`name:port`) and networks (CIDR) that may speak HTTP or show any certificate. Loopback always may. */
  insecureRegistries: readonly string[];
  /** Entries of `registry-mirrors`, as `parseMirror` reads them. */
  mirrors: readonly string[];
  /** Which mirrors to leave alone for now. */
  mirrorHealth?: MirrorHealth;
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
  /** The path that `/v2/` is below, "" or `/a/path`. */
  prefix: string;
  /** Any certificate will do. */
  insecure: boolean;
  mirror: boolean;
  /** The domain that a mirror of several registries is told with each request. */
  ns?: string | undefined;
  certificates: RegistryCertificates;
}

/** The domain of names without one, and the host that serves it. */
const defaultDomain = "docker.io";
const defaultHost = "registry-1.docker.io";
const hubIndexHost = "index.docker.io";

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
export const isInsecure = (host: string, insecureRegistries: readonly string[]): Promise<boolean> =>
  isAmong(host, [...loopback, ...insecureRegistries]);

/** Whether a list of hosts and networks names a host. */
export const isAmong = async (host: string, listed: readonly string[]): Promise<boolean> => {
  if (listed.includes(host)) return true;
  const networks = listOf(listed);
  const addresses = await addressesOf(hostnameOf(host));
  return addresses.some((address) => networks.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"));
};

const endpointOf = async (
  scheme: "https" | "http",
  host: string,
  settings: RegistrySettings,
  mirror?: { prefix: string; ns: string | undefined },
): Promise<Endpoint> => ({
  scheme,
  host,
  prefix: mirror?.prefix ?? "",
  mirror: mirror !== undefined,
  insecure: await isInsecure(host, settings.insecureRegistries),
  certificates: await readCertificates(settings.certificatesDirectory, host),
  ...(mirror?.ns === undefined ? {} : { ns: mirror.ns }),
});

/**
 * Where the registry of a domain itself can be asked: over HTTPS, and over HTTP when it is insecure.
 *
 * @throws Error when the registry's folder of certificates is not in order.
 */
export const originEndpoints = async (domain: string, settings: RegistrySettings): Promise<Endpoint[]> => {
  if (domain === defaultDomain) return [await endpointOf("https", defaultHost, settings)];
  const secure = await endpointOf("https", domain, settings);
  return secure.insecure ? [secure, { ...secure, scheme: "http" }] : [secure];
};

/** Where Docker Hub is searched. */
export const hubIndexEndpoint = (settings: RegistrySettings): Promise<Endpoint> =>
  endpointOf("https", hubIndexHost, settings);

/** The mirrors of a domain, in the order in which to try. @throws like `originEndpoints` */
export const mirrorEndpoints = (domain: string, settings: RegistrySettings): Promise<Endpoint[]> =>
  Promise.all(
    mirrorsOf(domain, settings.mirrors).map(({ url, ns }) =>
      endpointOf(url.protocol === "http:" ? "http" : "https", url.host, settings, {
        prefix: url.pathname.replace(/\/+$/, ""),
        ns,
      }),
    ),
  );
