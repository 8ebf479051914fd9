import ipaddr from "ipaddr.js";

/** AF_INET and AF_INET6, as netlink numbers them. */
export const AF_INET = 2;
export const AF_INET6 = 10;

/** The 4 or 16 bytes of an address in text form. @throws Error of ipaddr.js when it is none. */
export const addressBytes = (address: string): Buffer => Buffer.from(ipaddr.parse(address).toByteArray());

/** The shortest text form of 4 or 16 bytes: "172.17.0.2", "fd00::2". */
export const addressText = (bytes: Uint8Array): string => ipaddr.fromByteArray([...bytes]).toString();

export const familyOf = (address: string): number => (address.includes(":") ? AF_INET6 : AF_INET);
