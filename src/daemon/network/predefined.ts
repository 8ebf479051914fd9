import { rfc3339Nano } from "../../base/clock.ts";
import { newId } from "../../base/ids.ts";
import type { IPAMConfig } from "../../wire/engine/network.ts";
import type { NetworkContext } from "./context.ts";
import { chooseConfig } from "./ipam/choose.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "./ipam/prefix.ts";
import type { NetworkRecord } from "./record.ts";

/** What the daemon's configuration says of the default bridge. */
export interface DefaultBridge {
  /** `--bip`: address and prefix of the bridge, "10.1.0.1/16" */
  address?: string;
  /** `--fixed-cidr` */
  range?: string;
  /** `--mtu` */
  mtu?: number;
  /** `--icc` */
  icc?: boolean;
  /** `--ip-masq` */
  masquerade?: boolean;
  /** `--ip` */
  hostBinding?: string;
  /** `--bridge`: "none" for no default bridge, else the name of one */
  name?: string;
}

const prefix = "com.docker.network.bridge.";

/**
 * The networks every engine has, as records: those that are not there yet are new, the default bridge follows the
 * configuration. Nothing is stored or made here.
 */
export const predefinedNetworks = (context: NetworkContext, bridge: DefaultBridge): NetworkRecord[] => {
  const known = new Map([...context.networks.values()].map((network) => [network.name, network]));
  const plain = (name: string, driver: "host" | "null"): NetworkRecord =>
    known.get(name) ?? { ...blank(context, name), driver };
  const networks = [plain("none", "null"), plain("host", "host")];
  if (bridge.name === "none") return networks;
  const before = known.get("bridge");
  const base: NetworkRecord = before ?? { ...blank(context, "bridge"), driver: "bridge" };
  return [
    ...networks,
    { ...base, options: options(context, bridge), ipam: { ...base.ipam, config: config(context, bridge, before) } },
  ];
};

const blank = (context: NetworkContext, name: string): NetworkRecord => ({
  id: newId(),
  name,
  created: rfc3339Nano(context.clock.nowNs()),
  driver: "null",
  enableIPv4: true,
  enableIPv6: false,
  internal: false,
  attachable: false,
  ipam: { driver: "default", options: null, config: null },
  userSubnets: false,
  options: {},
  labels: {},
});

const options = (context: NetworkContext, bridge: DefaultBridge): Record<string, string> => ({
  [`${prefix}default_bridge`]: "true",
  [`${prefix}enable_icc`]: String(bridge.icc ?? true),
  [`${prefix}enable_ip_masquerade`]: String(bridge.masquerade ?? true),
  [`${prefix}host_binding_ipv4`]: bridge.hostBinding ?? "0.0.0.0",
  [`${prefix}name`]: bridge.name || context.names.bridge,
  "com.docker.network.driver.mtu": String(bridge.mtu ?? 1500),
});

/** An address that was configured wins, then what the network had, then the first free pool. */
const config = (context: NetworkContext, bridge: DefaultBridge, before: NetworkRecord | undefined): IPAMConfig[] => {
  const subnet = parsePrefix(bridge.address ?? "");
  const gateway = parseAddress(bridge.address?.split("/")[0] ?? "");
  if (subnet !== null && gateway !== null) {
    const range = bridge.range === undefined ? {} : { IPRange: bridge.range };
    return [{ Subnet: formatPrefix(subnet), ...range, Gateway: formatAddress(gateway, subnet.family) }];
  }
  if (before?.ipam.config) return before.ipam.config;
  return chooseConfig(context, { config: [], enableIPv4: true, enableIPv6: false });
};
