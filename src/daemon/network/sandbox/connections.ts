import {
  type Connection,
  allConnections,
  connectionsOf,
  connectionsToPort,
  removeConnection,
} from "../../../linux/netlink/conntrack.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../../linux/netlink/socket.ts";
import { readSysctl } from "../../../linux/netlink/sysctl.ts";
import type { PublishedPort } from "../record.ts";

const udp = 17;
/** Up to so many tracked connections for each address, one walk through all is quicker than two for each address. */
const fewConnections = 1000;
/** However many addresses: what is held in memory at once. */
const maxConnections = 50_000;
/** How long an address whose connections matter little may wait for others to share a walk with. */
const sometimeMs = 1000;

/**
 * Forgets tracked connections, so that addresses and ports can change hands under traffic. The kernel's walk through its
 * table takes milliseconds: it runs beside everything else, several releases share one, and who gets an address waits for
 * it only if it is still under way.
 */
export class ConnectionTracker implements AsyncDisposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  readonly #report: (error: unknown) => void;
  #waiting = new Set<string>();
  #underWay = new Set<string>();
  #running: Promise<void> = Promise.resolve();
  readonly #sometime = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** @param report told what the kernel refuses: without connection tracking there is nothing to forget */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** Begins to forget the connections of addresses that nobody has any more. */
  forgetAddresses(addresses: readonly string[]): void {
    if (addresses.length === 0) return;
    if (this.#waiting.size === 0) void this.#enqueue(() => this.#forgetWaiting());
    for (const address of addresses) this.#waiting.add(address);
  }

  /** The same within a second or so, in one walk with all that come until then; nobody has to wait for it. */
  forgetSometime(addresses: readonly string[]): void {
    for (const address of addresses) this.#sometime.add(address);
    if (this.#sometime.size > 0) this.#timer ??= setTimeout(() => this.#forgetNow(), sometimeMs).unref();
  }

  /** Fulfilled once nothing of the earlier owners of these addresses is tracked. */
  async settled(addresses: readonly string[]): Promise<void> {
    if (addresses.some((address) => this.#waiting.has(address) || this.#underWay.has(address))) await this.#running;
  }

  /**
   * Forgets flows of datagrams that came to a port before it was published: the kernel would go on treating them as it
   * did then.
   */
  forgetFlows(ports: readonly PublishedPort[]): Promise<void> {
    const flows = ports.filter(({ proto, forward }) => proto === "udp" && forward !== undefined);
    if (flows.length === 0) return Promise.resolve();
    return this.#enqueue(async () => {
      for (const { hostIp, hostPort } of flows) {
        // oxlint-disable-next-line no-await-in-loop -- one question at a time is what a netlink socket can do
        this.#forget(await connectionsToPort(this.#socket, hostIp.includes(":") ? 6 : 4, udp, hostPort));
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forgetNow();
    await this.#running;
    this.#socket.close();
  }

  #forgetNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const addresses = [...this.#sometime];
    this.#sometime.clear();
    this.forgetAddresses(addresses);
  }

  async #forgetWaiting(): Promise<void> {
    const addresses = this.#waiting;
    this.#waiting = new Set();
    this.#underWay = addresses;
    try {
      const tracked = Number(readSysctl(["net", "netfilter", "nf_conntrack_count"]));
      if (tracked === 0) return;
      if (tracked <= Math.min(fewConnections * addresses.size, maxConnections)) {
        const all = await allConnections(this.#socket);
        this.#forget(
          all.filter(({ original, reply }) => addresses.has(original.source) || addresses.has(reply.source)),
        );
        return;
      }
      for (const address of addresses) {
        // oxlint-disable-next-line no-await-in-loop -- one question at a time is what a netlink socket can do
        this.#forget(await connectionsOf(this.#socket, address));
      }
    } finally {
      this.#underWay = new Set();
    }
  }

  /** One that has ended by itself meanwhile is as good. */
  #forget(connections: readonly Connection[]): void {
    this.#socket.attempt(connections.map(removeConnection));
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(work).catch((error: unknown) => this.#report(error));
    return this.#running;
  }
}
