import { containsAddress, familyOf, parseAddress, parsePrefix } from "./ipam/prefix.ts";
import type { NetworkRecord } from "./record.ts";

/**
 * Whether who speaks from an address may be a container: it lies in a network's subnet and is not the host's own there,
 * or is an IPv6 link's, which says nothing of where it is.
 *
 * @param remote as a socket tells it: "172.17.0.2", "::ffff:172.17.0.2", "fe80::1%eth0"
 */
export const mayBeContainer = (networks: Iterable<NetworkRecord>, remote: string): boolean => {
  if (/^fe[89ab]/i.test(remote)) return true;
  const address = remote.replace(/^::ffff:(?=\d+\.)/i, "");
  const value = parseAddress(address);
  if (value === null) return false;
  for (const { ipam } of networks) {
    for (const { Subnet: subnet, Gateway: gateway } of ipam.config ?? []) {
      const prefix = parsePrefix(subnet ?? "");
      if (prefix === null || prefix.family !== familyOf(address) || !containsAddress(prefix, value)) continue;
      return value !== parseAddress((gateway ?? "").split("/")[0] ?? "");
    }
  }
  return false;
};
