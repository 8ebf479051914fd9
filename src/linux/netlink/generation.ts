import { attributes } from "./attribute.ts";
import type { NetlinkSocket } from "./socket.ts";

// **Source:** linux/netfilter/nf_tables.h.
const NFT_MSG_NEWGEN = (10 << 8) | 15;
const NFT_MSG_GETGEN = (10 << 8) | 16;
const NFTA_GEN_ID = 1;
const headerBytes = 4;

/**
 * The number of the ruleset that is in force: every change by nft or iptables-nft, of anybody, raises it. null where the
 * kernel has no nftables.
 */
export const rulesetGeneration = (socket: NetlinkSocket): number | null => {
  const reply = socket
    .ask({ type: NFT_MSG_GETGEN, flags: 0, payload: Buffer.alloc(headerBytes) })
    .find(({ type }) => type === NFT_MSG_NEWGEN);
  const id = reply === undefined ? undefined : attributes(reply.payload.subarray(headerBytes)).get(NFTA_GEN_ID);
  return id === undefined || id.length < 4 ? null : id.readUInt32BE(0);
};
