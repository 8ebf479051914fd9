import { attribute, attributes, readU32, u32 } from "./attribute.ts";
import { AF_INET, AF_INET6, addressBytes, addressText, familyOf } from "./ip.ts";
import { type Message, NLM_F_CREATE, NLM_F_REPLACE } from "./message.ts";
import type { NetlinkSocket } from "./socket.ts";

// **Source:** rtnetlink(7), linux/rtnetlink.h.
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const headerBytes = 12;

/** A route of the main table. */
export interface Route {
  /** "10.0.0.0/8"; the default route, of the gateway's family, without it. */
  destination?: string;
  gateway?: string;
  /** Index of the link. */
  link?: number;
}

const payload = (route: Route, family: number): Buffer => {
  const [network, prefix] = route.destination?.split("/") ?? [];
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(family, 0);
  header.writeUInt8(Number(prefix ?? 0), 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_BOOT, 5);
  header.writeUInt8(route.gateway === undefined && family === AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  return Buffer.concat([
    header,
    ...(network === undefined ? [] : [attribute(RTA_DST, addressBytes(network))]),
    ...(route.gateway === undefined ? [] : [attribute(RTA_GATEWAY, addressBytes(route.gateway))]),
    ...(route.link === undefined ? [] : [attribute(RTA_OIF, u32(route.link))]),
  ]);
};

const family = (route: Route): number => familyOf(route.gateway ?? route.destination ?? "");
const about = (route: Route): string => `route ${route.destination ?? "default"}`;

/** Adds a route, or replaces the one to the same destination. */
export const replaceRoute = (route: Route): Message => ({
  type: RTM_NEWROUTE,
  flags: NLM_F_CREATE | NLM_F_REPLACE,
  about: about(route),
  payload: payload(route, family(route)),
});

export const removeRoute = (route: Route): Message => ({
  type: RTM_DELROUTE,
  flags: 0,
  about: about(route),
  payload: payload(route, family(route)),
});

/** The unicast routes of the main table, both families. */
export const listRoutes = (socket: NetlinkSocket): Route[] => [...list(socket, AF_INET), ...list(socket, AF_INET6)];

const list = (socket: NetlinkSocket, addressFamily: number): Route[] => {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(addressFamily, 0);
  return socket
    .dump({ type: RTM_GETROUTE, flags: 0, payload: header })
    .filter((reply) => reply.type === RTM_NEWROUTE && reply.payload.readUInt8(7) === RTN_UNICAST)
    .flatMap((reply) => {
      const found = attributes(reply.payload.subarray(headerBytes));
      if ((readU32(found.get(RTA_TABLE)) ?? reply.payload.readUInt8(4)) !== RT_TABLE_MAIN) return [];
      const destination = found.get(RTA_DST);
      const gateway = found.get(RTA_GATEWAY);
      const link = readU32(found.get(RTA_OIF));
      return {
        ...(destination === undefined
          ? {}
          : { destination: `${addressText(destination)}/${reply.payload.readUInt8(1)}` }),
        ...(gateway === undefined ? {} : { gateway: addressText(gateway) }),
        ...(link === undefined ? {} : { link }),
      };
    });
};
