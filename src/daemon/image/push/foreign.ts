import { isAmong } from "../../../oci/distribution/endpoint.ts";
import type { ImageContext } from "../context.ts";

/**
 * Whether layers that may not be distributed are pushed to a registry: when the daemon's configuration names it, by its
 * host or a network that it is in.
 *
 * **Source:** `dockerd --allow-nondistributable-artifacts`.
 */
export const mayDistribute = async ({ registry }: ImageContext, domain: string): Promise<boolean> => {
  const allowed = registry.allowNondistributable ?? [];
  return allowed.length > 0 && isAmong(domain, allowed);
};
