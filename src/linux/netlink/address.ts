import { attribute, attributes, u32 } from "./attribute.ts";
import { addressBytes, addressText, familyOf } from "./ip.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from "./message.ts";
import type { NetlinkSocket } from "./socket.ts";

// **Source:** rtnetlink(7), linux/if_addr.h.
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const headerBytes = 8;

export interface InterfaceAddress {
  /** Index of the link. */
  link: number;
  address: string;
  prefixLength: number;
  broadcast?: string;
}

const payload = (entry: InterfaceAddress): Buffer => {
  const header = Buffer.alloc(headerBytes);
  const bytes = addressBytes(entry.address);
  header.writeUInt8(familyOf(entry.address), 0);
  header.writeUInt8(entry.prefixLength, 1);
  header.writeUInt32LE(entry.link, 4);
  return Buffer.concat([
    header,
    attribute(IFA_LOCAL, bytes),
    attribute(IFA_ADDRESS, bytes),
    ...(entry.broadcast === undefined ? [] : [attribute(IFA_BROADCAST, addressBytes(entry.broadcast))]),
    // The engine hands out each address once: waiting for duplicate detection would only delay the first packet.
    ...(bytes.length === 16 ? [attribute(IFA_FLAGS, u32(IFA_F_NODAD))] : []),
  ]);
};

export const addAddress = (entry: InterfaceAddress): Message => ({
  type: RTM_NEWADDR,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  about: `${entry.address}/${entry.prefixLength}`,
  payload: payload(entry),
});

export const removeAddress = (entry: InterfaceAddress): Message => ({
  type: RTM_DELADDR,
  flags: 0,
  about: `${entry.address}/${entry.prefixLength}`,
  payload: payload(entry),
});

/** All addresses of the socket's namespace. */
export const listAddresses = (socket: NetlinkSocket): InterfaceAddress[] =>
  socket
    .dump({ type: RTM_GETADDR, flags: 0, payload: Buffer.alloc(headerBytes) })
    .filter((reply) => reply.type === RTM_NEWADDR)
    .flatMap((reply) => {
      const found = attributes(reply.payload.subarray(headerBytes));
      const bytes = found.get(IFA_LOCAL) ?? found.get(IFA_ADDRESS);
      if (bytes === undefined) return [];
      return {
        link: reply.payload.readUInt32LE(4),
        address: addressText(bytes),
        prefixLength: reply.payload.readUInt8(1),
      };
    });
