import type { FirewallLink } from "./firewall/firewall.ts";
import type { EndpointSettings, IPAMConfig } from "../../wire/engine/network.ts";

/** A network as it is stored, in table `networks` by its id. */
export interface NetworkRecord {
  id: string;
  name: string;
  /** RFC 3339 with nanoseconds. */
  created: string;
  driver: "bridge" | "host" | "null";
  enableIPv4: boolean;
  enableIPv6: boolean;
  internal: boolean;
  attachable: boolean;
  /** Subnets are filled in; null for the drivers without addresses. */
  ipam: { driver: string; options: Record<string, string> | null; config: IPAMConfig[] | null };
  /** Its subnets were asked for: containers may ask for addresses. */
  userSubnets: boolean;
  options: Record<string, string>;
  labels: Record<string, string>;
  /** As it was asked for; "local" when nothing was. */
  scope?: string;
  /** It only keeps settings for others. */
  configOnly?: boolean;
  /** The configuration network that its settings came from. */
  configFrom?: string;
}

/** One family's address of an endpoint. */
export interface EndpointAddress {
  address: string;
  prefixLength: number;
  /** Absent on internal networks. */
  gateway?: string;
}

/** A container's place on one network. */
export interface EndpointRecord {
  id: string;
  networkId: string;
  networkName: string;
  /** Name of our end of the veth pair. */
  hostInterface: string;
  /** "eth0", inside the sandbox. */
  interface: string;
  macAddress: string;
  ipv4?: EndpointAddress;
  ipv6?: EndpointAddress;
  /** What was asked for. */
  settings: EndpointSettings;
  /** What others on the network may call it; empty where no DNS answers (the default bridge). */
  dnsNames: string[];
  /** Names only this container knows: alias → another container's name. From `--link` on a user-defined network. */
  links: Record<string, string>;
}

/** A published port as it works. */
export interface PublishedPort {
  proto: "tcp" | "udp" | "sctp";
  containerPort: number;
  /** "0.0.0.0", "::", or the address that was asked for. */
  hostIp: string;
  hostPort: number;
  /** The network it leads through. */
  networkId: string;
  /** Where the firewall sends it; absent: only a relay serves it. */
  forward?: { address: string; bridge: string };
  /** Where the shim's relay sends it. */
  relay?: { address: string; port: number };
}

/** What /etc/hosts and /etc/resolv.conf of a container are made from, beside its endpoints. */
export interface FileOptions {
  /** `--dns`, `--dns-search`, `--dns-option` */
  dns: string[];
  dnsSearch: string[];
  dnsOptions: string[];
  /** `--add-host`: "name:address" */
  extraHosts: string[];
  /** `--link` on the default bridge. */
  links: LinkRecord[];
}

/** A link to another container on the default bridge. */
export interface LinkRecord {
  containerId: string;
  /** Name without the slash. */
  name: string;
  alias: string;
  /** What it exposes: "80/tcp". */
  exposedPorts: string[];
}

/**
 * A container's network stack, in table `endpoints` by the container's id: the journal of what exists in the kernel for
 * it. Its namespace is pinned at `path`.
 */
export interface SandboxRecord {
  id: string;
  containerId: string;
  containerName: string;
  hostname: string;
  domainname: string;
  path: string;
  /** Path of the user namespace that owns it; null: the host's. */
  ownerUserNamespace: string | null;
  endpoints: EndpointRecord[];
  ports: PublishedPort[];
  files: FileOptions;
  /** What the firewall lets through for its links, as it was told. */
  links: FirewallLink[];
  /** Where the embedded DNS asks for what it does not know; empty: nowhere. */
  upstream: string[];
}
