import { forbidden, invalidParameter } from "../../base/errors.ts";
import type { EndpointSettings } from "../../wire/engine/network.ts";
import { isUserDefined } from "./find.ts";
import { containsAddress, parseAddress, parsePrefix } from "./ipam/prefix.ts";
import { bullets } from "./ipam/validate.ts";
import type { NetworkRecord } from "./record.ts";

/**
 * Checks what a container asks for on a network, in Docker's words.
 * @throws EngineError invalid-parameter "invalid endpoint settings:\n…"
 */
export const validateEndpoint = (network: NetworkRecord, settings: EndpointSettings): void => {
  if (network.configOnly) throw forbidden("cannot create endpoint on configuration-only network");
  const faults = [
    ...addressFaults(network, settings),
    ...((settings.Aliases ?? []).length > 0 && !isUserDefined(network)
      ? ["network-scoped aliases are only supported for user-defined networks"]
      : []),
  ];
  if (faults.length > 0) throw invalidParameter(`invalid endpoint settings:\n${bullets(faults)}`);
};

const addressFaults = (network: NetworkRecord, settings: EndpointSettings): string[] => {
  const wanted = [settings.IPAMConfig?.IPv4Address, settings.IPAMConfig?.IPv6Address].filter(
    (address) => address !== undefined && address !== "",
  );
  if (wanted.length === 0) return [];
  const faults = isUserDefined(network) ? [] : ["user specified IP address is supported on user defined networks only"];
  return [...faults, ...wanted.flatMap((address) => addressFault(network, address ?? ""))];
};

const addressFault = (network: NetworkRecord, address: string): string[] => {
  const value = parseAddress(address);
  const faults = value === null ? [`invalid IP${address.includes(":") ? "v6" : "v4"} address: ${address}`] : [];
  if (!network.userSubnets) {
    faults.push("user specified IP address is supported only when connecting to networks with user configured subnets");
  }
  if (value === null || faults.length > 0) return faults;
  const inside = (network.ipam.config ?? []).some(({ Subnet: subnet }) => {
    const prefix = parsePrefix(subnet ?? "");
    return prefix !== null && prefix.family === (address.includes(":") ? 6 : 4) && containsAddress(prefix, value);
  });
  return inside ? [] : [`no configured subnet or ip-range contain the IP address ${address}`];
};
