import { isCode, type SystemError } from "../../../linux/error.ts";
import { addAddress } from "../../../linux/netlink/address.ts";
import { addVeth, getLink, receivedPackets, removeLink, setBridgePort, setLink } from "../../../linux/netlink/link.ts";
import type { Message } from "../../../linux/netlink/message.ts";
import type { NetlinkQueue } from "../../../linux/netlink/queue.ts";
import { removeNeighbour, replaceNeighbour } from "../../../linux/netlink/neighbour.ts";
import { replaceRoute } from "../../../linux/netlink/route.ts";
import type { NetlinkSocket } from "../../../linux/netlink/socket.ts";
import { writeSysctl } from "../../../linux/netlink/sysctl.ts";
import ipaddr from "ipaddr.js";
import type { EndpointAddress, EndpointRecord } from "../record.ts";
import type { SandboxNamespace } from "./namespace.ts";

export interface EndpointWiring {
  /** Routing netlink of the daemon's own namespace. */
  host: NetlinkSocket;
  namespace: SandboxNamespace;
  /** Index of the network's bridge. */
  bridgeIndex: number;
  endpoint: EndpointRecord;
  mtu: number;
  /** The alias that tells our links from others'. */
  mark: string;
  /** Parts of a name below net/, with the interface's name in place, and the value. */
  sysctls: { name: string[]; value: string }[];
}

const addressesOf = (endpoint: EndpointRecord): EndpointAddress[] =>
  [endpoint.ipv4, endpoint.ipv6].filter((address) => address !== undefined);

/**
 * Gives a sandbox an interface on a bridge: six system calls and two visits to the namespace, ~1 ms.
 * @throws SystemError; the caller removes the link then.
 */
export const wireEndpoint = (wiring: EndpointWiring): void => {
  const { host, namespace, bridgeIndex, endpoint, mtu, mark } = wiring;
  const name = endpoint.hostInterface;
  host.change([
    addVeth({
      name,
      master: bridgeIndex,
      mtu,
      peer: { name: endpoint.interface, mac: endpoint.macAddress, mtu, namespaceFd: namespace.fd },
    }),
    setLink({ name }, { alias: `${mark}:${endpoint.id}` }),
    // A container that goes to its own published port gets its packet back on the port it came from.
    setBridgePort({ name }, { hairpin: true }),
    // The address may have had another owner a moment ago.
    ...addressesOf(endpoint).map(({ address }) =>
      replaceNeighbour({ link: bridgeIndex, address, mac: endpoint.macAddress }),
    ),
  ]);
  namespace.run(() => interfaceSettings(wiring));
  const { index } = getLink(namespace.route, { name: endpoint.interface });
  namespace.route.change([
    ...addressesOf(endpoint).map(({ address, prefixLength }) =>
      addAddress({ link: index, address, prefixLength, ...broadcast(address, prefixLength) }),
    ),
    setLink({ index }, { up: true }),
  ]);
};

/** Makes an endpoint's gateways the sandbox's. */
export const routeThrough = (namespace: SandboxNamespace, endpoint: EndpointRecord): void => {
  const { index } = getLink(namespace.route, { name: endpoint.interface });
  namespace.route.change(
    addressesOf(endpoint).flatMap(({ gateway }) =>
      gateway === undefined ? [] : [replaceRoute({ gateway, link: index })],
    ),
  );
};

/**
 * Stops an endpoint: once fulfilled no packet passes and no address is answered for any more. The link itself goes with
 * its namespace, or by the sweep.
 */
export const silenceEndpoint = async (
  host: NetlinkQueue,
  bridgeIndex: number | undefined,
  endpoint: EndpointRecord,
): Promise<void> => {
  const [failed] = await host.attempt(silence(bridgeIndex, endpoint));
  throwUnlessGone(failed);
};

/** The same within this turn. */
export const silenceEndpointNow = (
  host: NetlinkSocket,
  bridgeIndex: number | undefined,
  endpoint: EndpointRecord,
): void => {
  const [failed] = host.attempt(silence(bridgeIndex, endpoint));
  throwUnlessGone(failed);
};

const silence = (bridgeIndex: number | undefined, endpoint: EndpointRecord): Message[] => [
  setLink({ name: endpoint.hostInterface }, { up: false }),
  ...(bridgeIndex === undefined
    ? []
    : addressesOf(endpoint).map(({ address }) => removeNeighbour({ link: bridgeIndex, address }))),
];

const throwUnlessGone = (failed: SystemError | null | undefined): void => {
  if (failed && !isCode(failed, "ENODEV")) throw failed;
};

/** The announcement of its address, which the kernel sends for an interface that comes up (arp_notify). */
const announcements = 1n;

/**
 * Whether an endpoint may have sent anything but the announcement of its address. One that has not has answered nothing
 * either, not even a question for its hardware address.
 */
export const hasSpoken = (host: NetlinkSocket, endpoint: EndpointRecord): boolean => {
  try {
    return receivedPackets(host, { name: endpoint.hostInterface }) > announcements;
  } catch (error) {
    if (isCode(error, "ENODEV")) return true;
    throw error;
  }
};

export const linkRemoval = (endpoint: EndpointRecord): ReturnType<typeof removeLink> =>
  removeLink({ name: endpoint.hostInterface });

/** Before the interface is up: what it must never do, and that it tells the others its new hardware address. */
const interfaceSettings = ({ endpoint, sysctls }: EndpointWiring): void => {
  const conf = (family: "ipv4" | "ipv6", setting: string): string[] => [
    "net",
    family,
    "conf",
    endpoint.interface,
    setting,
  ];
  if (endpoint.ipv4 !== undefined) writeSysctl(conf("ipv4", "arp_notify"), 1);
  try {
    writeSysctl(conf("ipv6", "disable_ipv6"), endpoint.ipv6 === undefined ? 1 : 0);
    if (endpoint.ipv6 !== undefined) {
      writeSysctl(conf("ipv6", "ndisc_notify"), 1);
      writeSysctl(conf("ipv6", "accept_ra"), 0);
    }
  } catch (error) {
    if (endpoint.ipv6 !== undefined || !isCode(error, "ENOENT")) throw error;
  }
  for (const { name, value } of sysctls) writeSysctl(name, value);
};

const broadcast = (address: string, prefixLength: number): { broadcast?: string } =>
  address.includes(":")
    ? {}
    : { broadcast: ipaddr.IPv4.broadcastAddressFromCIDR(`${address}/${prefixLength}`).toString() };
