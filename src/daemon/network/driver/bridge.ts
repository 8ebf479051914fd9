import { randomBytes } from "node:crypto";
import { invalidParameter } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { addAddress, listAddresses, removeAddress } from "../../../linux/netlink/address.ts";
import { addBridge, getLink, removeLink, setLink } from "../../../linux/netlink/link.ts";
import type { NetlinkSocket } from "../../../linux/netlink/socket.ts";
import { readSysctl, writeSysctl } from "../../../linux/netlink/sysctl.ts";
import { markOf } from "../names.ts";
import type { NetworkRecord } from "../record.ts";
import { bridgeOptions } from "./options.ts";

/** A random hardware address: unicast, locally administered. */
export const randomMac = (): string => {
  const bytes = randomBytes(6);
  bytes.writeUInt8(((bytes[0] ?? 0) & 0xfe) | 0x02, 0);
  return bytes.toString("hex").match(/../g)?.join(":") ?? "";
};

/**
 * Makes a network's bridge, or takes over the one that is there, with its addresses, up. The firewall must stand before:
 * `route_localnet` lets packets from the bridge reach 127.0.0.0/8 wherever the raw table does not drop them.
 *
 * @returns the index of the link.
 * @throws SystemError; EngineError invalid-parameter: a link of that name is no bridge
 */
export const ensureBridge = (route: NetlinkSocket, network: NetworkRecord, mark: string): number => {
  const { bridge, mtu, inhibitIPv4, gatewayModeIPv4 } = bridgeOptions(network);
  if (!exists(route, bridge)) {
    // In one system call, so that a daemon that is killed leaves no bridge that nobody knows as ours.
    route.change([addBridge(bridge, { mac: randomMac(), mtu }), setLink({ name: bridge }, { alias: mark })]);
  }
  const { index, kind, alias } = getLink(route, { name: bridge });
  if (kind !== "bridge") throw invalidParameter(`existing interface ${bridge} is not a bridge`);
  const present = listAddresses(route).filter(({ link }) => link === index);
  const wanted = new Set((network.ipam.config ?? []).map(({ Gateway: gateway }) => gateway));
  // The configuration of the default bridge may have changed.
  const stale =
    alias === mark ? present.filter(({ address }) => !address.startsWith("fe80:") && !wanted.has(address)) : [];
  const addresses = (network.ipam.config ?? []).flatMap(({ Gateway: gateway, Subnet: subnet }) => {
    const ipv4 = gateway !== undefined && !gateway.includes(":");
    if (gateway === undefined || (ipv4 && (inhibitIPv4 || gatewayModeIPv4 === "isolated"))) return [];
    if (present.some(({ address }) => address === gateway)) return [];
    return addAddress({ link: index, address: gateway, prefixLength: Number(subnet?.split("/")[1]) });
  });
  settings(bridge, network);
  route.change([...stale.map(removeAddress), ...addresses, setLink({ index }, { up: true })]);
  return index;
};

/**
 * Takes the name of a default bridge for an instance, by making the bridge: the kernel lets only one have it. It is down and
 * without addresses until `ensureBridge` takes it over.
 * @returns false when another has the name
 * @throws SystemError
 */
export const takeBridge = (
  route: NetlinkSocket,
  { name, mtu, instance }: { name: string; mtu: number; instance: string },
): boolean => {
  if (exists(route, name)) return getLink(route, { name }).alias === markOf(instance);
  // It gets its name last, and in one step: whatever is called so is marked, and whoever is late changes nothing of it.
  const draft = `bt-${instance}`;
  if (!exists(route, draft)) {
    route.change([addBridge(draft, { mac: randomMac(), mtu }), setLink({ name: draft }, { alias: markOf(instance) })]);
  }
  const { index } = getLink(route, { name: draft });
  const [refused] = route.attempt([setLink({ index }, { name })]);
  if (refused === null || refused === undefined) return true;
  route.change([removeLink({ index })]);
  if (isCode(refused, "EEXIST")) return false;
  throw refused;
};

const exists = (route: NetlinkSocket, name: string): boolean => {
  try {
    getLink(route, { name });
    return true;
  } catch (error) {
    if (isCode(error, "ENODEV")) return false;
    throw error;
  }
};

const settings = (bridge: string, network: NetworkRecord): void => {
  // A router advertisement from a container must not change the host's routes.
  optional(["net", "ipv6", "conf", bridge, "accept_ra"], 0);
  // Without IPv6 on the network, none is spoken to the host either.
  optional(["net", "ipv6", "conf", bridge, "disable_ipv6"], network.enableIPv6 ? 0 : 1);
  if (!network.internal && network.enableIPv4) writeSysctl(["net", "ipv4", "conf", bridge, "route_localnet"], 1);
};

/** Writes a sysctl that a kernel without IPv6 has not. */
const optional = (name: string[], value: number): void => {
  try {
    writeSysctl(name, value);
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
  }
};

/** Takes a network's bridge away, if it is ours. The call lasts ~50 ms: it runs where `remove` runs it. */
export const bridgeRemoval = (
  route: NetlinkSocket,
  network: NetworkRecord,
  mark: string,
): ReturnType<typeof removeLink>[] => {
  try {
    const link = getLink(route, { name: bridgeOptions(network).bridge });
    return link.alias === mark ? [removeLink({ index: link.index })] : [];
  } catch (error) {
    if (isCode(error, "ENODEV")) return [];
    throw error;
  }
};

const forwarding = (family: 4 | 6): string[] =>
  family === 4 ? ["net", "ipv4", "ip_forward"] : ["net", "ipv6", "conf", "all", "forwarding"];

export const isForwarding = (family: 4 | 6): boolean => readSysctl(forwarding(family)) !== "0";

export const enableForwarding = (family: 4 | 6): void => {
  if (family === 6) writeSysctl(["net", "ipv6", "conf", "default", "forwarding"], 1);
  writeSysctl(forwarding(family), 1);
};
