import { attribute, attributes, nested, readText, readU32, text, u32, u8 } from "./attribute.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL, type Reply } from "./message.ts";
import type { NetlinkSocket } from "./socket.ts";

// **Source:** rtnetlink(7), linux/if_link.h.
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_STATS64 = 23;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;
const IFF_UP = 1;
const RTEXT_FILTER_SKIP_STATS = 1 << 3;
const infoBytes = 16;

export interface Link {
  index: number;
  name: string;
  /** "bridge", "veth", "" for hardware. */
  kind: string;
  alias: string;
  /** Index of the bridge it is a port of. */
  master?: number;
  mtu: number;
  /** "02:42:ac:11:00:02" */
  address: string;
  up: boolean;
}

const ifinfo = (options: { family?: number; index?: number; flags?: number; change?: number }): Buffer => {
  const buffer = Buffer.alloc(infoBytes);
  buffer.writeUInt8(options.family ?? 0, 0);
  buffer.writeInt32LE(options.index ?? 0, 4);
  buffer.writeUInt32LE(options.flags ?? 0, 8);
  buffer.writeUInt32LE(options.change ?? 0, 12);
  return buffer;
};

export const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(":", ""), "hex");
const macText = (bytes: Buffer | undefined): string => bytes?.toString("hex").match(/../g)?.join(":") ?? "";

/** A new bridge, down. */
export const addBridge = (name: string, options: { mac?: string; mtu?: number } = {}): Message => ({
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  about: name,
  payload: Buffer.concat([
    ifinfo({}),
    attribute(IFLA_IFNAME, text(name)),
    ...(options.mac === undefined ? [] : [attribute(IFLA_ADDRESS, macBytes(options.mac))]),
    ...(options.mtu === undefined ? [] : [attribute(IFLA_MTU, u32(options.mtu))]),
    nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text("bridge"))),
  ]),
});

export interface VethPair {
  name: string;
  /** Index of the bridge that our end becomes a port of. */
  master?: number;
  mtu?: number;
  peer: { name: string; mac?: string; mtu?: number; namespaceFd: number };
}

/** A veth pair: our end here and up, the peer down in another namespace, both in one step. */
export const addVeth = (pair: VethPair): Message => ({
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  about: pair.name,
  payload: Buffer.concat([
    ifinfo({ flags: IFF_UP, change: IFF_UP }),
    attribute(IFLA_IFNAME, text(pair.name)),
    ...(pair.mtu === undefined ? [] : [attribute(IFLA_MTU, u32(pair.mtu))]),
    ...(pair.master === undefined ? [] : [attribute(IFLA_MASTER, u32(pair.master))]),
    nested(
      IFLA_LINKINFO,
      attribute(IFLA_INFO_KIND, text("veth")),
      nested(
        IFLA_INFO_DATA,
        nested(
          VETH_INFO_PEER,
          ifinfo({}),
          attribute(IFLA_IFNAME, text(pair.peer.name)),
          ...(pair.peer.mac === undefined ? [] : [attribute(IFLA_ADDRESS, macBytes(pair.peer.mac))]),
          ...(pair.peer.mtu === undefined ? [] : [attribute(IFLA_MTU, u32(pair.peer.mtu))]),
          attribute(IFLA_NET_NS_FD, u32(pair.peer.namespaceFd)),
        ),
      ),
    ),
  ]),
});

/** Which link: by index, or by name. */
export type LinkReference = { index: number } | { name: string };
const reference = (link: LinkReference): { index: number; name: Buffer[]; about: string } =>
  "index" in link
    ? { index: link.index, name: [], about: `link ${link.index}` }
    : { index: 0, name: [attribute(IFLA_IFNAME, text(link.name))], about: link.name };

export interface LinkChange {
  up?: boolean;
  mtu?: number;
  /** 0 takes it out of its bridge. */
  master?: number;
  alias?: string;
  mac?: string;
  /** New name; the link must be referred to by its index and, on old kernels, be down. */
  name?: string;
}

export const setLink = (link: LinkReference, change: LinkChange): Message => {
  const { index, name, about } = reference(link);
  return {
    type: RTM_SETLINK,
    flags: 0,
    about,
    payload: Buffer.concat([
      ifinfo({ index, flags: change.up === true ? IFF_UP : 0, change: change.up === undefined ? 0 : IFF_UP }),
      ...name,
      ...(change.name === undefined ? [] : [attribute(IFLA_IFNAME, text(change.name))]),
      ...(change.mtu === undefined ? [] : [attribute(IFLA_MTU, u32(change.mtu))]),
      ...(change.master === undefined ? [] : [attribute(IFLA_MASTER, u32(change.master))]),
      ...(change.alias === undefined ? [] : [attribute(IFLA_IFALIAS, Buffer.from(change.alias))]),
      ...(change.mac === undefined ? [] : [attribute(IFLA_ADDRESS, macBytes(change.mac))]),
    ]),
  };
};

/** Changes a bridge port: hairpin sends frames back where they came from, isolated ports reach no other isolated one. */
export const setBridgePort = (link: LinkReference, port: { hairpin?: boolean; isolated?: boolean }): Message => {
  const { index, name, about } = reference(link);
  return {
    type: RTM_NEWLINK,
    flags: 0,
    about,
    payload: Buffer.concat([
      ifinfo({ index }),
      ...name,
      nested(
        IFLA_LINKINFO,
        attribute(IFLA_INFO_SLAVE_KIND, text("bridge")),
        nested(
          IFLA_INFO_SLAVE_DATA,
          ...(port.hairpin === undefined ? [] : [attribute(IFLA_BRPORT_MODE, u8(port.hairpin ? 1 : 0))]),
          ...(port.isolated === undefined ? [] : [attribute(IFLA_BRPORT_ISOLATED, u8(port.isolated ? 1 : 0))]),
        ),
      ),
    ]),
  };
};

/** Removes a link. The call that carries this blocks for an RCU grace period (~50 ms): keep it off the event loop. */
export const removeLink = (link: LinkReference): Message => {
  const { index, name, about } = reference(link);
  return { type: RTM_DELLINK, flags: 0, about, payload: Buffer.concat([ifinfo({ index }), ...name]) };
};

const withoutStatistics = attribute(IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS));

/** One link by name. @throws SystemError ENODEV */
export const getLink = (socket: NetlinkSocket, link: LinkReference): Link => {
  const { index, name, about } = reference(link);
  const [reply] = socket.ask({
    type: RTM_GETLINK,
    flags: 0,
    about,
    payload: Buffer.concat([ifinfo({ index }), ...name, withoutStatistics]),
  });
  return linkOf(reply as Reply);
};

/** How many packets a link has received so far. For our end of a veth pair: those that its peer sent. @throws SystemError ENODEV */
export const receivedPackets = (socket: NetlinkSocket, link: LinkReference): bigint => {
  const { index, name, about } = reference(link);
  const [reply] = socket.ask({
    type: RTM_GETLINK,
    flags: 0,
    about,
    payload: Buffer.concat([ifinfo({ index }), ...name]),
  });
  const found = attributes((reply as Reply).payload.subarray(infoBytes));
  return (found.get(IFLA_STATS64) as Buffer).readBigUInt64LE(0);
};

/** All links of the socket's namespace. */
export const listLinks = (socket: NetlinkSocket): Link[] =>
  socket
    .dump({ type: RTM_GETLINK, flags: 0, payload: Buffer.concat([ifinfo({}), withoutStatistics]) })
    .filter((reply) => reply.type === RTM_NEWLINK)
    .map(linkOf);

const linkOf = (reply: Reply): Link => {
  const found = attributes(reply.payload.subarray(infoBytes));
  const info = attributes(found.get(IFLA_LINKINFO) ?? Buffer.alloc(0));
  const master = readU32(found.get(IFLA_MASTER));
  return {
    index: reply.payload.readInt32LE(4),
    name: readText(found.get(IFLA_IFNAME)),
    kind: readText(info.get(IFLA_INFO_KIND)),
    alias: readText(found.get(IFLA_IFALIAS)),
    ...(master === undefined ? {} : { master }),
    mtu: readU32(found.get(IFLA_MTU)) ?? 0,
    address: macText(found.get(IFLA_ADDRESS)),
    up: (reply.payload.readUInt32LE(8) & IFF_UP) !== 0,
  };
};
