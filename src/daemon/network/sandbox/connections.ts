import { connectionsOf, connectionsToPort, removeConnection } from "../../../linux/netlink/conntrack.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../../linux/netlink/socket.ts";
import type { PublishedPort } from "../record.ts";

const udp = 17;

/**
 * Forgets tracked connections, so that addresses and ports can change hands under traffic. Without connection tracking in
 * the kernel there is nothing to forget.
 */
export class ConnectionTracker implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** The connections of addresses that nobody has any more. */
  forgetAddresses(addresses: readonly string[]): void {
    this.#socket.attempt(addresses.flatMap((address) => connectionsOf(this.#socket, address)).map(removeConnection));
  }

  /**
   * Flows of datagrams that came to a port before it was published: the kernel would go on treating them as it did then.
   */
  forgetFlows(ports: readonly PublishedPort[]): void {
    const flows = ports
      .filter(({ proto, forward }) => proto === "udp" && forward !== undefined)
      .flatMap(({ hostIp, hostPort }) => connectionsToPort(this.#socket, hostIp.includes(":") ? 6 : 4, udp, hostPort));
    this.#socket.attempt(flows.map(removeConnection));
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
