import type { EndpointRecord } from "../record.ts";

/**
 * The endpoint that a sandbox's default routes and published ports lead through: the highest priority, then one with a
 * gateway, then the first network by name. undefined when none leads out.
 */
export const gatewayEndpoint = (endpoints: readonly EndpointRecord[]): EndpointRecord | undefined =>
  endpoints
    .filter(({ ipv4, ipv6 }) => ipv4?.gateway !== undefined || ipv6?.gateway !== undefined)
    .toSorted(
      (a, b) => (b.settings.GwPriority ?? 0) - (a.settings.GwPriority ?? 0) || (a.networkName < b.networkName ? -1 : 1),
    )[0];
