import type { SystemError } from "../error.ts";
import type { Message } from "./message.ts";
import { NetlinkSocket } from "./socket.ts";

/**
 * A netlink socket whose system calls run on a thread of libuv's pool, one exchange after another: for changes that make
 * the kernel wait while the event loop should not.
 */
export class NetlinkQueue implements AsyncDisposable {
  readonly #socket: NetlinkSocket;
  #last: Promise<unknown> = Promise.resolve();

  /** @param protocol NETLINK_ROUTE, NETLINK_NETFILTER. @throws SystemError */
  constructor(protocol: number) {
    this.#socket = new NetlinkSocket(protocol);
  }

  /** As `NetlinkSocket.attempt`, behind what was asked before. */
  attempt(messages: readonly Message[]): Promise<(SystemError | null)[]> {
    const results = this.#last.then(() => this.#socket.attemptAsync(messages));
    this.#last = results.catch(() => {});
    return results;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    this.#socket.close();
  }
}
