import { listLinks, removeLink } from "../../../linux/netlink/link.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../../linux/netlink/socket.ts";
import type { Message } from "../../../linux/netlink/message.ts";

/** Long enough for the kernel to end the namespaces of a burst of containers, links included. */
const sweepDelayMs = 500;

/**
 * Removes links that are no longer wanted. Most go with their namespace, for nothing; what is still there after a while
 * (another process lives on in the namespace) is deleted, off the event loop: a deletion waits ~50 ms for the kernel.
 */
export class LinkSweeper implements AsyncDisposable {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  readonly #mark: string;
  #wanted = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  /** @param mark what the alias of our links begins with */
  constructor(mark: string) {
    this.#mark = mark;
  }

  /** Lets a link go, some time soon. */
  add(name: string): void {
    this.#wanted.add(name);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // What is still there is swept by the next start.
      this.flush().catch(() => {});
    }, sweepDelayMs).unref();
  }

  /** Removes what is left of them now. */
  flush(): Promise<void> {
    const names = this.#wanted;
    this.#wanted = new Set();
    if (names.size === 0) return this.#running;
    return this.remove(() =>
      listLinks(this.#socket)
        .filter(({ name, alias }) => names.has(name) && alias.startsWith(`${this.#mark}:`))
        .map(({ index }) => removeLink({ index })),
    );
  }

  /** Runs deletions, one after another. What is gone already is no error; nothing else is tried twice. */
  remove(deletions: () => Message[]): Promise<void> {
    const removed = this.#running.then(async () => void (await this.#socket.attemptAsync(deletions())));
    // One that fails keeps no other from its turn.
    this.#running = removed.catch(() => {});
    return removed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.flush();
    this.#socket.close();
  }
}
