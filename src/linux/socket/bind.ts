import { closeSync } from "node:fs";
import ipaddr from "ipaddr.js";
import { check, libc } from "../ffi.ts";

const socket = libc("socket", ["int", "int", "int"]);
const bind = libc("bind", ["int", "void *", "uint"]);
const listen = libc("listen", ["int", "int"]);
const getsockname = libc("getsockname", ["int", "void *", "void *"]);
const setsockopt = libc("setsockopt", ["int", "int", "int", "void *", "uint"]);

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_CLOEXEC = 0o2000000;
const types = { tcp: 1, udp: 2, sctp: 1 };
const protocols = { tcp: 6, udp: 17, sctp: 132 };
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

export interface BindOptions {
  protocol: "tcp" | "udp" | "sctp";
  address: string;
  /** 0: any free one. */
  port: number;
  /**
   * Takes connections at once, with this backlog. A listening socket also sets SO_REUSEADDR: connections that an earlier
   * one closed do not keep the port, and another listener still does.
   */
  backlog?: number;
}

/**
 * A socket that holds a port, in the network namespace of this thread. One that does not listen takes the port from
 * everybody and answers nobody. IPv6 sockets take no IPv4 traffic.
 *
 * @returns the descriptor, close-on-exec.
 * @throws SystemError EADDRINUSE, EADDRNOTAVAIL, EACCES …
 *
 * **Source:** socket(2), bind(2), ip(7), ipv6(7).
 */
export const bindSocket = (options: BindOptions): number => {
  const address = socketAddress(options.address, options.port);
  const family = address.readUInt16LE(0);
  const about = `${options.address}:${options.port}`;
  const fd = check(
    socket(family, types[options.protocol] | SOCK_CLOEXEC, protocols[options.protocol]),
    "socket",
    options.protocol,
  );
  try {
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (options.backlog !== undefined) setOption(fd, SOL_SOCKET, SO_REUSEADDR);
    check(bind(fd, address, address.length), "bind", about);
    if (options.backlog !== undefined) check(listen(fd, options.backlog), "listen", about);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
};

/** The port that a socket is bound to. */
export const boundPort = (fd: number): number => {
  const address = Buffer.alloc(28);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  check(getsockname(fd, address, length), "getsockname");
  return address.readUInt16BE(2);
};

/** sockaddr_in or sockaddr_in6. */
const socketAddress = (text: string, port: number): Buffer => {
  const bytes = ipaddr.parse(text).toByteArray();
  const buffer = Buffer.alloc(bytes.length === 4 ? 16 : 28);
  buffer.writeUInt16LE(bytes.length === 4 ? AF_INET : AF_INET6, 0);
  buffer.writeUInt16BE(port, 2);
  buffer.set(bytes, bytes.length === 4 ? 4 : 8);
  return buffer;
};

const setOption = (fd: number, level: number, name: number): void => {
  const value = Buffer.alloc(4);
  value.writeInt32LE(1);
  check(setsockopt(fd, level, name, value, value.length), "setsockopt");
};
