import { attribute } from "./attribute.ts";
import { addressBytes, familyOf } from "./ip.ts";
import { macBytes } from "./link.ts";
import { type Message, NLM_F_CREATE, NLM_F_REPLACE } from "./message.ts";

// **Source:** rtnetlink(7), linux/neighbour.h.
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_STALE = 0x04;
const headerBytes = 12;

export interface Neighbour {
  /** Index of the link. */
  link: number;
  address: string;
  mac: string;
}

const header = (entry: { link: number; address: string }, state: number): Buffer => {
  const buffer = Buffer.alloc(headerBytes);
  buffer.writeUInt8(familyOf(entry.address), 0);
  buffer.writeInt32LE(entry.link, 4);
  buffer.writeUInt16LE(state, 8);
  return buffer;
};

/**
 * Tells this namespace the hardware address of a neighbour, in place of one it may remember from an earlier owner of the
 * same address. The entry ages as a learnt one does.
 */
export const replaceNeighbour = (entry: Neighbour): Message => ({
  type: RTM_NEWNEIGH,
  flags: NLM_F_CREATE | NLM_F_REPLACE,
  about: entry.address,
  payload: Buffer.concat([
    header(entry, NUD_STALE),
    attribute(NDA_DST, addressBytes(entry.address)),
    attribute(NDA_LLADDR, macBytes(entry.mac)),
  ]),
});

export const removeNeighbour = (entry: { link: number; address: string }): Message => ({
  type: RTM_DELNEIGH,
  flags: 0,
  about: entry.address,
  payload: Buffer.concat([header(entry, 0), attribute(NDA_DST, addressBytes(entry.address))]),
});
