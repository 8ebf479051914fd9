import { readFileSync } from "node:fs";
import { shortId } from "../../../base/ids.ts";
import type { NetworkContext } from "../context.ts";
import type { FileOptions, SandboxRecord } from "../record.ts";
import { hostsFile } from "./hosts.ts";
import { type ResolvConfOutput, hostResolvConfPath, parseResolvConf, resolvConfFile } from "./resolv-conf.ts";

/** The content of /etc/hosts for a sandbox as it is now. */
export const hostsOf = (context: NetworkContext, record: SandboxRecord): string =>
  hostsFile({
    hostname: record.hostname,
    domainname: record.domainname,
    addresses: record.endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].flatMap((one) => one?.address ?? [])),
    extraHosts: record.files.extraHosts,
    hostGateway: hostGateway(context),
    links: linkedHosts(context, record.files),
    ipv6: true,
  });

/** The content of /etc/resolv.conf for a sandbox as it is now. */
export const resolvConfOf = (record: SandboxRecord): string =>
  resolver(record.files, usesDns(record), hasIPv6(record)).content;

/** Where the embedded DNS of a sandbox asks. */
export const upstreamServers = (files: FileOptions): string[] => resolver(files, true, true).upstream;

/** The embedded DNS answers where a network has names: on those that users made. */
export const usesDns = ({ endpoints }: Pick<SandboxRecord, "endpoints">): boolean =>
  endpoints.some(({ dnsNames }) => dnsNames.length > 0);

const hasIPv6 = (record: SandboxRecord): boolean => record.endpoints.some(({ ipv6 }) => ipv6 !== undefined);

const read = (path: string): string | null => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
};

const resolver = (files: FileOptions, embedded: boolean, ipv6: boolean): ResolvConfOutput => {
  const hostPath = hostResolvConfPath(read);
  return resolvConfFile({
    host: parseResolvConf(read(hostPath) ?? ""),
    hostPath,
    servers: files.dns,
    search: files.dnsSearch,
    options: files.dnsOptions,
    embedded,
    ipv6,
  });
};

/** "host-gateway": the default bridge's own addresses. */
const hostGateway = (context: NetworkContext): string[] => {
  const bridge = [...context.networks.values()].find(({ name }) => name === "bridge");
  return (bridge?.ipam.config ?? []).flatMap(({ Gateway: gateway }) => gateway ?? []);
};

const linkedHosts = (context: NetworkContext, files: FileOptions): { address: string; names: string[] }[] =>
  files.links.flatMap(({ containerId, name, alias }) => {
    const address = context.sandboxes.get(containerId)?.endpoints.find(({ dnsNames }) => dnsNames.length === 0)
      ?.ipv4?.address;
    return address === undefined ? [] : { address, names: [...new Set([alias, shortId(containerId), name])] };
  });
