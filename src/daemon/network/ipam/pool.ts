import type { AddressPool } from "../names.ts";
import { type Prefix, overlaps, parsePrefix } from "./prefix.ts";

/**
 * The first subnet of the pools that nothing uses; null when all are taken.
 * @param taken subnets of networks, and what the host's routes lead to.
 */
export const chooseSubnet = (pools: readonly AddressPool[], taken: readonly Prefix[]): Prefix | null => {
  for (const pool of pools) {
    const base = parsePrefix(pool.base);
    if (base === null) continue;
    const size = 1n << BigInt((base.family === 4 ? 32 : 128) - pool.prefixLength);
    const near = taken.filter((prefix) => overlaps(prefix, base));
    for (let first = base.first; first + size - 1n <= base.last;) {
      const candidate: Prefix = {
        family: base.family,
        first,
        last: first + size - 1n,
        prefixLength: pool.prefixLength,
      };
      const blocker = near.find((prefix) => overlaps(prefix, candidate));
      if (blocker === undefined) return candidate;
      // Past what is in the way, at the next boundary: a /48 of /64s is not walked one by one.
      const next = blocker.last + 1n;
      first = next <= first ? first + size : base.first + ((next - base.first + size - 1n) / size) * size;
    }
  }
  return null;
};
