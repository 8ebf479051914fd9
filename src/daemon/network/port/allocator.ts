import { closeSync } from "node:fs";
import { EngineError, systemError } from "../../../base/errors.ts";
import { SystemError, isCode } from "../../../linux/error.ts";
import { bindSocket } from "../../../linux/socket/bind.ts";
import { familyOf } from "../ipam/prefix.ts";
import type { PublishedPort } from "../record.ts";
import type { PortRequest, Protocol } from "./request.ts";

/** The endpoint that published ports lead to. */
export interface PortTarget {
  networkId: string;
  bridge: string;
  ipv4?: string;
  ipv6?: string;
}

/** A socket that the shim serves: it accepts, or receives, and passes on to `target`. */
export interface Relay {
  fd: number;
  proto: "tcp" | "udp";
  target: { address: string; port: number };
}

/** Host ports taken for one container, with the sockets that keep them. */
export interface Reservation {
  ports: PublishedPort[];
  /** Bound, not listening: they only keep the port. */
  holdFds: number[];
  relays: Relay[];
}

/** How many connections wait until the shim accepts them. */
const relayBacklog = 4096;

const keyOf = (proto: Protocol, port: number): string => `${proto}/${port}`;
const isWildcard = (address: string): boolean => address === "0.0.0.0" || address === "::";
const collide = (a: string, b: string): boolean =>
  familyOf(a) === familyOf(b) && (a === b || isWildcard(a) || isWildcard(b));

/**
 * Gives out host ports. What it has given out it knows itself, so that a conflict between two containers is told in
 * Docker's words; what other programs hold, the kernel tells when the socket is bound.
 */
export class PortAllocator {
  /** proto/port → host addresses taken. */
  readonly #taken = new Map<string, string[]>();
  readonly #ephemeralRange: () => [number, number];
  #next = 0;

  /** @param ephemeralRange lowest and highest port of `-P` and of bindings without a host port. */
  constructor(ephemeralRange: () => [number, number]) {
    this.#ephemeralRange = ephemeralRange;
  }

  /**
   * Takes a host port for each request, on all its addresses, or none at all.
   * @throws EngineError system: "Bind for 0.0.0.0:80 failed: port is already allocated", "failed to bind host port for …"
   */
  reserve(requests: readonly PortRequest[], target: PortTarget): Reservation {
    const made: Reservation = { ports: [], holdFds: [], relays: [] };
    try {
      for (const request of requests) this.#reserveOne(request, target, made);
      return made;
    } catch (error) {
      this.abandon(made);
      throw error;
    }
  }

  /** Gives a reservation back that nothing came of. */
  abandon(reservation: Reservation): void {
    closeReservation(reservation);
    this.release(reservation.ports);
  }

  /** Marks ports of a running container as taken, after a restart of the daemon: its shim holds the sockets. */
  adopt(ports: readonly PublishedPort[]): void {
    for (const port of ports) this.#take(port);
  }

  release(ports: readonly PublishedPort[]): void {
    for (const { proto, hostPort, hostIp } of ports) {
      const key = keyOf(proto, hostPort);
      const left = [...(this.#taken.get(key) ?? [])];
      const index = left.indexOf(hostIp);
      if (index !== -1) left.splice(index, 1);
      if (left.length === 0) this.#taken.delete(key);
      else this.#taken.set(key, left);
    }
  }

  #reserveOne(request: PortRequest, target: PortTarget, made: Reservation): void {
    let refused: unknown;
    for (const hostPort of this.#candidates(request)) {
      try {
        this.#bindAll(request, hostPort, target, made);
        return;
      } catch (error) {
        refused ??= error;
        // Only "somebody has it" makes another port of the range worth trying.
        if (!(error instanceof PortTaken)) throw error;
      }
    }
    if (refused instanceof PortTaken) throw systemError(refused.message, refused.cause);
    throw systemError("all ports are allocated");
  }

  *#candidates(request: PortRequest): Generator<number> {
    const [low, high] = request.range ?? this.#ephemeralRange();
    const count = high - low + 1;
    const start = request.range === null && this.#next >= low && this.#next <= high ? this.#next - low : 0;
    for (let step = 0; step < count; step += 1) {
      const port = low + ((start + step) % count);
      if (request.range === null) this.#next = port + 1;
      yield port;
    }
  }

  #bindAll(request: PortRequest, hostPort: number, target: PortTarget, made: Reservation): void {
    for (const hostIp of request.hostIps.toReversed()) {
      if ((this.#taken.get(keyOf(request.proto, hostPort)) ?? []).some((other) => collide(other, hostIp))) {
        throw new PortTaken(`Bind for ${hostIp}:${hostPort} failed: port is already allocated`);
      }
    }
    const part: Reservation = { ports: [], holdFds: [], relays: [] };
    try {
      for (const hostIp of request.hostIps) bindOne(request, hostIp, hostPort, target, part);
    } catch (error) {
      closeReservation(part);
      throw error;
    }
    if (part.ports.length === 0) {
      throw systemError(
        `cannot publish ${request.containerPort}/${request.proto} on ${request.hostIps.join(", ")}: the container has no address that it could be forwarded to`,
      );
    }
    for (const port of part.ports) this.#take(port);
    made.ports.push(...part.ports);
    made.holdFds.push(...part.holdFds);
    made.relays.push(...part.relays);
  }

  #take(port: PublishedPort): void {
    const key = keyOf(port.proto, port.hostPort);
    this.#taken.set(key, [...(this.#taken.get(key) ?? []), port.hostIp]);
  }
}

/** Closes this process's copies of the sockets: once the shim has inherited them, or when nothing came of it. */
export const closeReservation = (reservation: Pick<Reservation, "holdFds" | "relays">): void => {
  for (const fd of reservation.holdFds.splice(0)) closeSync(fd);
  for (const { fd } of reservation.relays.splice(0)) closeSync(fd);
};

class PortTaken extends EngineError {
  constructor(message: string, cause?: unknown) {
    super("system", message, { cause });
  }
}

/**
 * How one host address is served. IPv4 is forwarded by the firewall. `[::1]` cannot be (a packet to ::1 never leaves the
 * loopback), nor can IPv6 to a container that has only IPv4: there the shim relays.
 */
const bindOne = (
  request: PortRequest,
  hostIp: string,
  hostPort: number,
  target: PortTarget,
  made: Reservation,
): void => {
  const { proto, containerPort } = request;
  const ipv6 = familyOf(hostIp) === 6;
  const own = ipv6 ? target.ipv6 : target.ipv4;
  const forwarded = own !== undefined && hostIp !== "::1";
  const relayTo = own ?? target.ipv4 ?? target.ipv6;
  const relayed = proto !== "sctp" && relayTo !== undefined && (!forwarded || hostIp === "::");
  if (!forwarded && !relayed) return;
  let fd: number;
  try {
    fd = bindSocket({
      protocol: proto,
      address: hostIp,
      port: hostPort,
      ...(relayed && proto === "tcp" ? { backlog: relayBacklog } : {}),
    });
  } catch (error) {
    throw refusal(error, `${hostIp}:${hostPort}:${relayTo ?? ""}:${containerPort}/${proto}`);
  }
  if (relayed) made.relays.push({ fd, proto, target: { address: relayTo, port: containerPort } });
  else made.holdFds.push(fd);
  made.ports.push({
    proto,
    containerPort,
    hostIp,
    hostPort,
    networkId: target.networkId,
    ...(forwarded ? { forward: { address: own, bridge: target.bridge } } : {}),
    ...(relayed ? { relay: { address: relayTo, port: containerPort } } : {}),
  });
};

/** The words of Go's errno texts, for what bind says. */
const bindErrors: Record<string, string> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EACCES: "permission denied",
  EPROTONOSUPPORT: "protocol not supported",
  EAFNOSUPPORT: "address family not supported by protocol",
};

const refusal = (error: unknown, binding: string): Error => {
  const reason = error instanceof SystemError ? (bindErrors[error.code] ?? error.message) : String(error);
  const message = `failed to bind host port for ${binding}: ${reason}`;
  return isCode(error, "EADDRINUSE") ? new PortTaken(message, error) : systemError(message, error);
};
