import { attribute, attributes, nested, u16be, u32, u8 } from "./attribute.ts";
import { AF_INET, AF_INET6, addressBytes, addressText, familyOf } from "./ip.ts";
import type { Message, Reply } from "./message.ts";
import type { NetlinkSocket } from "./socket.ts";

// **Source:** linux/netfilter/nfnetlink_conntrack.h.
const subsystem = 1 << 8;
const IPCTNL_MSG_CT_NEW = subsystem | 0;
const IPCTNL_MSG_CT_GET = subsystem | 1;
const IPCTNL_MSG_CT_DELETE = subsystem | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const filterSource = 1 << 0;
const filterProtocol = 1 << 3;
const filterDestinationPort = 1 << 5;
const headerBytes = 4;

/** One direction of a connection. */
export interface Tuple {
  source: string;
  destination: string;
  /** 6 tcp, 17 udp, 132 sctp */
  protocol: number;
  sourcePort: number;
  destinationPort: number;
}

/** A tracked connection. */
export interface Connection {
  original: Tuple;
  reply: Tuple;
  /** Its original tuple and its id as the kernel sent them. */
  key: Buffer;
}

const header = (family: number): Buffer => Buffer.from([family, 0, 0, 0]);

/**
 * The connections from an address, or answered by it (also when a port of the host was translated to it).
 *
 * The kernel filters (since 5.8); an older one sends all, and what does not match is left out here. Its walk through the
 * table takes milliseconds, on a thread of libuv's pool.
 */
export const connectionsOf = async (socket: NetlinkSocket, address: string): Promise<Connection[]> => {
  const family = familyOf(address);
  const source = attribute(family === AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, addressBytes(address));
  const asked = (tuple: number, side: number): Promise<Connection[]> =>
    list(socket, family, nested(tuple, nested(CTA_TUPLE_IP, source)), filter(side, filterSource));
  const from = await asked(CTA_TUPLE_ORIG, CTA_FILTER_ORIG_FLAGS);
  const answered = await asked(CTA_TUPLE_REPLY, CTA_FILTER_REPLY_FLAGS);
  return [
    ...from.filter(({ original }) => original.source === address),
    ...answered.filter(({ original, reply }) => reply.source === address && original.source !== address),
  ];
};

/** All connections of the socket's namespace: for tables with few. */
export const allConnections = (socket: NetlinkSocket): Promise<Connection[]> => list(socket, 0);

/** The connections that were made to a port, whatever address it was at. */
export const connectionsToPort = async (
  socket: NetlinkSocket,
  family: 4 | 6,
  protocol: number,
  port: number,
): Promise<Connection[]> => {
  const proto = nested(
    CTA_TUPLE_PROTO,
    attribute(CTA_PROTO_NUM, u8(protocol)),
    attribute(CTA_PROTO_DST_PORT, u16be(port)),
  );
  const found = await list(
    socket,
    family === 4 ? AF_INET : AF_INET6,
    nested(CTA_TUPLE_ORIG, proto),
    filter(CTA_FILTER_ORIG_FLAGS, filterProtocol | filterDestinationPort),
  );
  return found.filter(({ original }) => original.protocol === protocol && original.destinationPort === port);
};

/** Forgets a connection: its next packet is looked at as if it were the first. One that is gone answers ENOENT. */
export const removeConnection = (connection: Connection): Message => ({
  type: IPCTNL_MSG_CT_DELETE,
  flags: 0,
  about: `${connection.original.source} → ${connection.original.destination}`,
  payload: Buffer.concat([header(familyOf(connection.original.source)), connection.key]),
});

const filter = (side: number, flags: number): Buffer =>
  nested(
    CTA_FILTER,
    attribute(CTA_FILTER_ORIG_FLAGS, u32(side === CTA_FILTER_ORIG_FLAGS ? flags : 0)),
    attribute(CTA_FILTER_REPLY_FLAGS, u32(side === CTA_FILTER_REPLY_FLAGS ? flags : 0)),
  );

const list = async (socket: NetlinkSocket, family: number, ...parts: Buffer[]): Promise<Connection[]> => {
  const payload = Buffer.concat([header(family), ...parts]);
  return (await socket.dumpAsync({ type: IPCTNL_MSG_CT_GET, flags: 0, payload })).flatMap(connectionOf);
};

const connectionOf = (reply: Reply): Connection[] => {
  if (reply.type !== IPCTNL_MSG_CT_NEW) return [];
  const found = attributes(reply.payload.subarray(headerBytes));
  const [original, answer, id] = [found.get(CTA_TUPLE_ORIG), found.get(CTA_TUPLE_REPLY), found.get(CTA_ID)];
  if (original === undefined || answer === undefined) return [];
  const key = Buffer.concat([nested(CTA_TUPLE_ORIG, original), ...(id === undefined ? [] : [attribute(CTA_ID, id)])]);
  return [{ original: tupleOf(original), reply: tupleOf(answer), key }];
};

const tupleOf = (bytes: Buffer): Tuple => {
  const parts = attributes(bytes);
  const ip = attributes(parts.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const proto = attributes(parts.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const address = (four: number, six: number): string => {
    const value = ip.get(four) ?? ip.get(six);
    return value === undefined ? "" : addressText(value);
  };
  return {
    source: address(CTA_IP_V4_SRC, CTA_IP_V6_SRC),
    destination: address(CTA_IP_V4_DST, CTA_IP_V6_DST),
    protocol: proto.get(CTA_PROTO_NUM)?.readUInt8(0) ?? 0,
    sourcePort: proto.get(CTA_PROTO_SRC_PORT)?.readUInt16BE(0) ?? 0,
    destinationPort: proto.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0) ?? 0,
  };
};
