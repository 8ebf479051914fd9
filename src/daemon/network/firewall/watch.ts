import { rulesetGeneration } from "../../../linux/netlink/generation.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../../linux/netlink/socket.ts";

/** A flush or a reload by somebody else is answered within a second. One look takes 30 µs. */
const intervalMs = 500;

/**
 * Notices that somebody else changed the host's rules: a firewall that is reloaded or flushed takes the isolation of
 * networks with it. The kernel counts the changes; those that the engine makes itself are expected. Where iptables is not
 * the nftables variant, nothing is noticed.
 */
export class RulesetWatch implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  readonly #onChange: () => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #expected: number | null;
  #busy = 0;

  /** @param onChange looks whether everything is still there, and puts back what is not; its failures are its own */
  constructor(onChange: () => Promise<void>) {
    this.#onChange = onChange;
    this.#expected = this.#current();
    this.#timer = setInterval(() => this.#look(), intervalMs).unref();
  }

  /**
   * Makes changes that are expected.
   * @param commits how often they raise the count when they succeed
   */
  async expect<T>(commits: number, work: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      const result = await work();
      if (this.#expected !== null) this.#expected += commits;
      return result;
    } catch (error) {
      // Part of them may have been made: what follows is a repair of the whole.
      this.#expected = this.#current();
      throw error;
    } finally {
      this.#busy -= 1;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  #look(): void {
    if (this.#busy > 0) return;
    const current = this.#current();
    if (current === this.#expected) return;
    this.#expected = current;
    void this.#onChange();
  }

  #current(): number | null {
    try {
      return rulesetGeneration(this.#socket);
    } catch {
      return null;
    }
  }
}
