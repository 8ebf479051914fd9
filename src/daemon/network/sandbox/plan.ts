import { invalidParameter } from "../../../base/errors.ts";
import { newId, shortId } from "../../../base/ids.ts";
import type { EndpointSettings } from "../../../wire/engine/network.ts";
import type { NetworkContext } from "../context.ts";
import { randomMac } from "../driver/bridge.ts";
import { bridgeOptions } from "../driver/options.ts";
import { isUserDefined } from "../find.ts";
import type { EndpointAddress, EndpointRecord, NetworkRecord } from "../record.ts";

export interface EndpointPlan {
  network: NetworkRecord;
  settings: EndpointSettings;
  containerId: string;
  containerName: string;
  hostname: string;
  /** Interfaces the sandbox has already. */
  interfaces: string[];
  macAddress?: string;
}

/**
 * Gives a container a place on a network, on paper: names, hardware address, IP addresses. What it took is given back by
 * `forgetEndpoint`.
 * @throws EngineError forbidden "Address already in use"; system: no free address
 */
export const planEndpoint = (context: NetworkContext, plan: EndpointPlan): EndpointRecord => {
  const { network, settings } = plan;
  const id = newId();
  const addresses = context.addresses.get(network.id);
  const macAddress = settings.MacAddress || plan.macAddress || randomMac();
  if (!/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(macAddress))
    throw invalidParameter(`invalid MAC address: ${macAddress}`);
  const taken: string[] = [];
  const take = (family: 4 | 6, wanted: string | undefined): EndpointAddress | undefined => {
    if (!(family === 4 ? network.enableIPv4 : network.enableIPv6)) return undefined;
    const given = addresses?.take(network, family, wanted);
    if (given === undefined) return undefined;
    taken.push(given.address);
    const gateway = network.internal ? undefined : gatewayOf(network, family);
    return { ...given, ...(gateway === undefined ? {} : { gateway }) };
  };
  try {
    const ipv4 = take(4, settings.IPAMConfig?.IPv4Address);
    const ipv6 = take(6, settings.IPAMConfig?.IPv6Address);
    return {
      id,
      networkId: network.id,
      networkName: network.name,
      hostInterface: `veth${id.slice(0, 7)}`,
      interface: interfaceName(plan),
      macAddress: macAddress.toLowerCase().replaceAll("-", ":"),
      ...(ipv4 === undefined ? {} : { ipv4 }),
      ...(ipv6 === undefined ? {} : { ipv6 }),
      settings,
      dnsNames: isUserDefined(network) ? dnsNames(plan) : [],
      links: {},
    };
  } catch (error) {
    for (const address of taken) addresses?.release(address);
    throw error;
  }
};

/** Gives back what `planEndpoint` took. */
export const forgetEndpoint = (context: NetworkContext, endpoint: EndpointRecord): void => {
  const addresses = context.addresses.get(endpoint.networkId);
  for (const address of [endpoint.ipv4, endpoint.ipv6]) if (address !== undefined) addresses?.release(address.address);
};

/** The names others on a network may call a container by: its name, its aliases, its short id, its host name. */
export const dnsNames = (plan: {
  containerId: string;
  containerName: string;
  hostname: string;
  settings: EndpointSettings;
}): string[] => [
  ...new Set(
    [plan.containerName, ...(plan.settings.Aliases ?? []), shortId(plan.containerId), plan.hostname].filter(
      (name) => name !== "",
    ),
  ),
];

const gatewayOf = (network: NetworkRecord, family: 4 | 6): string | undefined =>
  (network.ipam.config ?? []).find(({ Subnet: subnet }) => (subnet ?? "").includes(":") === (family === 6))?.Gateway;

const interfaceName = ({ network, settings, interfaces }: EndpointPlan): string => {
  const wanted = settings.DriverOpts?.["com.docker.network.endpoint.ifname"];
  if (wanted !== undefined && wanted !== "") {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(wanted) || wanted === "lo" || interfaces.includes(wanted)) {
      throw invalidParameter(`invalid interface name: ${wanted}`);
    }
    return wanted;
  }
  const { interfacePrefix } = bridgeOptions(network);
  for (let index = 0; ; index += 1) {
    if (!interfaces.includes(`${interfacePrefix}${index}`)) return `${interfacePrefix}${index}`;
  }
};
