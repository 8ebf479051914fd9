import type { NetworkSettings } from "../../../wire/engine/network.ts";
import type { ContainerContext } from "../context.ts";
import { endpointsOf, portsOf } from "../networks.ts";
import type { ContainerRecord } from "../record.ts";

/**
 * The NetworkSettings of inspect: every network's endpoint, and the default bridge's once more at the top, where
 * clients older than user-defined networks look for it.
 */
export const networkSettings = (context: ContainerContext, record: Readonly<ContainerRecord>): NetworkSettings => {
  const networks = endpointsOf(context, record);
  const sandbox = context.networks.sandbox(record.id);
  const bridge = networks["bridge"];
  return {
    Bridge: "",
    SandboxID: sandbox?.id ?? "",
    SandboxKey: sandbox?.key ?? "",
    Ports: portsOf(context, record),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? "",
    Gateway: bridge?.Gateway ?? "",
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? "",
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? "",
    MacAddress: bridge?.MacAddress ?? "",
    Networks: networks,
  };
};
