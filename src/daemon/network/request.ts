import type { EndpointSettings, PortMap } from "../../wire/engine/network.ts";
import type { LinkRecord } from "./record.ts";

/** What a container needs of the network, as its configuration says. */
export interface NetworkRequest {
  /** Without the slash. */
  containerName: string;
  hostname: string;
  domainname: string;
  /** Networks by name or id, each with what was asked for there. Empty: a namespace with nothing but a loopback. */
  endpoints: Record<string, EndpointSettings | null>;
  portBindings: PortMap;
  /** "80/tcp" */
  exposedPorts: string[];
  /** `-P` */
  publishAll: boolean;
  /** `--mac-address`, for the network that says none itself: the only one, or the container's network mode. */
  macAddress?: string;
  dns: string[];
  dnsSearch: string[];
  dnsOptions: string[];
  extraHosts: string[];
  /** `--link` where no embedded DNS answers. */
  links: LinkRecord[];
  /** Open namespaces made before: the sandbox is this network namespace, which belongs to this user namespace. */
  namespaces?: { user: number; network: number };
}
