import { EngineError, forbidden } from "../../../base/errors.ts";
import { listAddresses } from "../../../linux/netlink/address.ts";
import { listRoutes } from "../../../linux/netlink/route.ts";
import type { IPAMConfig } from "../../../wire/engine/network.ts";
import type { NetworkContext } from "../context.ts";
import { uniqueLocalPool } from "../names.ts";
import { chooseSubnet } from "./pool.ts";
import { type Prefix, formatPrefix, overlaps, parsePrefix } from "./prefix.ts";
import { Subnet } from "./subnet.ts";

export interface WantedAddresses {
  config: readonly IPAMConfig[];
  enableIPv4: boolean;
  enableIPv6: boolean;
}

/**
 * The subnets of a new network: those that were asked for, and one from the pools for each family without; a gateway for
 * each. Validated before (`validateIpam`).
 * @throws EngineError forbidden: it overlaps another network's; system: all pools are used up
 */
export const chooseConfig = (context: NetworkContext, wanted: WantedAddresses): IPAMConfig[] => {
  const used = networkPrefixes(context);
  const chosen = wanted.config
    .filter(({ Subnet: subnet }) => ((subnet ?? "").includes(":") ? wanted.enableIPv6 : wanted.enableIPv4))
    .map((config) => {
      const prefix = parsePrefix(config.Subnet ?? "");
      if (prefix === null || used.some((other) => overlaps(other, prefix))) {
        throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
      }
      used.push(prefix);
      return { ...config };
    });
  for (const family of [4, 6] as const) {
    if (!(family === 4 ? wanted.enableIPv4 : wanted.enableIPv6)) continue;
    if (chosen.some(({ Subnet: subnet }) => (subnet ?? "").includes(":") === (family === 6))) continue;
    const pools = family === 4 ? context.names.pools : [uniqueLocalPool(context.instance)];
    const subnet = chooseSubnet(pools, [...used, ...hostPrefixes(context)]);
    if (subnet === null) throw new EngineError("system", "all predefined address pools have been fully subnetted");
    used.push(subnet);
    chosen.push({ Subnet: formatPrefix(subnet) });
  }
  return chosen.map(withGateway);
};

const withGateway = (config: IPAMConfig): IPAMConfig => {
  if (config.Gateway !== undefined && config.Gateway !== "") return config;
  const prefix = parsePrefix(config.Subnet ?? "");
  if (prefix === null) return config;
  const subnet = new Subnet(prefix, parsePrefix(config.IPRange ?? "") ?? prefix);
  for (const address of Object.values(config.AuxiliaryAddresses ?? {})) {
    const auxiliary = parsePrefix(`${address}/${prefix.family === 4 ? 32 : 128}`);
    if (auxiliary !== null) subnet.claim(auxiliary.first);
  }
  const gateway = subnet.take();
  const { Subnet: text, IPRange: range, ...rest } = config;
  return {
    ...(text === undefined ? {} : { Subnet: text }),
    ...(range === undefined || range === "" ? {} : { IPRange: range }),
    ...(gateway === null ? {} : { Gateway: gateway }),
    ...rest,
  };
};

const networkPrefixes = (context: NetworkContext): Prefix[] =>
  [...context.networks.values()].flatMap(({ ipam }) =>
    (ipam.config ?? []).flatMap(({ Subnet: subnet }) => parsePrefix(subnet ?? "") ?? []),
  );

/** What the host's own interfaces and routes lead to: no pool may hide it. */
const hostPrefixes = (context: NetworkContext): Prefix[] => [
  ...listRoutes(context.route).flatMap(({ destination }) => parsePrefix(destination ?? "") ?? []),
  ...listAddresses(context.route).flatMap(
    ({ address, prefixLength }) => parsePrefix(`${address}/${prefixLength}`) ?? [],
  ),
];
