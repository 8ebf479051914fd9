import { randomBytes } from "node:crypto";
import { invalidParameter } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { addAddress, listAddresses } from "../../../linux/netlink/address.ts";
import { addBridge, getLink, removeLink, setLink } from "../../../linux/netlink/link.ts";
import type { NetlinkSocket } from "../../../linux/netlink/socket.ts";
import { readSysctl, writeSysctl } from "../../../linux/netlink/sysctl.ts";
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
  const [created] = route.attempt([addBridge(bridge, { mac: randomMac(), mtu })]);
  if (created !== null && !isCode(created, "EEXIST")) throw created;
  const { index, kind } = getLink(route, { name: bridge });
  if (kind !== "bridge") throw invalidParameter(`existing interface ${bridge} is not a bridge`);
  if (created === null) route.change([setLink({ index }, { alias: mark })]);
  const present = listAddresses(route).filter(({ link }) => link === index);
  const addresses = (network.ipam.config ?? []).flatMap(({ Gateway: gateway, Subnet: subnet }) => {
    const ipv4 = gateway !== undefined && !gateway.includes(":");
    if (gateway === undefined || (ipv4 && (inhibitIPv4 || gatewayModeIPv4 === "isolated"))) return [];
    if (present.some(({ address }) => address === gateway)) return [];
    return addAddress({ link: index, address: gateway, prefixLength: Number(subnet?.split("/")[1]) });
  });
  settings(bridge, network);
  route.change([...addresses, setLink({ index }, { up: true })]);
  return index;
};

const settings = (bridge: string, network: NetworkRecord): void => {
  // A router advertisement from a container must not change the host's routes.
  optional(["net", "ipv6", "conf", bridge, "accept_ra"], 0);
  if (network.enableIPv6) optional(["net", "ipv6", "conf", bridge, "disable_ipv6"], 0);
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

/**
 * Turns forwarding on.
 * @returns true when it was off: then nothing but the engine's traffic should be forwarded.
 */
export const enableForwarding = (family: 4 | 6): boolean => {
  const name = family === 4 ? ["net", "ipv4", "ip_forward"] : ["net", "ipv6", "conf", "all", "forwarding"];
  if (readSysctl(name) !== "0") return false;
  if (family === 6) writeSysctl(["net", "ipv6", "conf", "default", "forwarding"], 1);
  writeSysctl(name, 1);
  return true;
};
