import { invalidParameter } from "../../../base/errors.ts";
import type { IPAM } from "../../../wire/engine/network.ts";
import { type Prefix, contains, containsAddress, formatPrefix, parseAddress, parsePrefix } from "./prefix.ts";

/**
 * Checks the addresses of a network to be created: all faults in one message, in Docker's words.
 * @throws EngineError invalid-parameter
 */
export const validateIpam = (ipam: IPAM | null | undefined, enableIPv6: boolean): void => {
  const faults = (ipam?.Config ?? []).flatMap((config) => {
    const text = config.Subnet ?? "";
    const subnet = parsePrefix(text);
    if (subnet === null) return [`invalid subnet ${text}: invalid CIDR block notation`];
    if (formatPrefix(subnet) !== canonical(text))
      return [`invalid subnet ${text}: it should be ${formatPrefix(subnet)}`];
    if (subnet.family === 6 && !enableIPv6) return [];
    return [
      ...rangeFaults(config.IPRange, subnet, text),
      ...addressFaults("gateway", config.Gateway, subnet, text),
      ...Object.values(config.AuxiliaryAddresses ?? {}).flatMap((address) =>
        addressFaults("auxiliary address", address, subnet, text),
      ),
    ];
  });
  if (faults.length > 0) throw invalidParameter(`invalid network config:\n${bullets(faults)}`);
};

/** One fault stands alone, several get a star each. */
export const bullets = (faults: readonly string[]): string =>
  faults.length === 1 ? (faults[0] ?? "") : faults.map((fault) => `* ${fault}`).join("\n");

/** The same prefix in its shortest form, host bits kept: what can be compared with a formatted one. */
const canonical = (text: string): string => {
  const [address = "", length = ""] = text.split("/");
  const exact = parsePrefix(`${address}/${address.includes(":") ? 128 : 32}`);
  return exact === null ? text : formatPrefix(exact).replace(/\/\d+$/, `/${length}`);
};

const rangeFaults = (range: string | undefined, subnet: Prefix, text: string): string[] => {
  if (range === undefined || range === "") return [];
  const parsed = parsePrefix(range);
  if (parsed === null) return [`invalid ip-range ${range}: invalid CIDR block notation`];
  if (parsed.family !== subnet.family)
    return [`invalid ip-range ${range}: parent subnet is an IPv${subnet.family} block`];
  if (formatPrefix(parsed) !== canonical(range))
    return [`invalid ip-range ${range}: it should be ${formatPrefix(parsed)}`];
  if (!contains(subnet, parsed)) return [`invalid ip-range ${range}: parent subnet ${text} doesn't contain ip-range`];
  return [];
};

const addressFaults = (what: string, address: string | undefined, subnet: Prefix, text: string): string[] => {
  if (address === undefined || address === "") return [];
  const value = parseAddress(address);
  if (value === null) return [`invalid ${what} ${address}: invalid address`];
  if (address.includes(":") !== (subnet.family === 6)) {
    return [`invalid ${what} ${address}: parent subnet is an IPv${subnet.family} block`];
  }
  if (!containsAddress(subnet, value)) {
    return [`invalid ${what} ${address}: parent subnet ${text} doesn't contain this address`];
  }
  return [];
};
