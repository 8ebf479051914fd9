import { type Prefix, containsAddress, formatAddress } from "./prefix.ts";

/**
 * The addresses of one subnet that are given out. Lowest free first, as Docker does: the next container gets the address
 * of the last one that left.
 */
export class Subnet {
  readonly prefix: Prefix;
  readonly #range: Prefix;
  readonly #used = new Set<bigint>();
  /** No free address lies below it. */
  #lowest: bigint;

  /** @param range where addresses are taken from when none is asked for; within `prefix`. */
  constructor(prefix: Prefix, range: Prefix = prefix) {
    this.prefix = prefix;
    this.#range = range;
    this.#lowest = range.first;
  }

  /** Takes the lowest free address; null when there is none. */
  take(): string | null {
    for (let address = this.#lowest; address <= this.#range.last; address += 1n) {
      if (this.#used.has(address) || this.#reserved(address)) continue;
      this.#used.add(address);
      this.#lowest = address + 1n;
      return formatAddress(address, this.prefix.family);
    }
    return null;
  }

  /** Takes one address. False when it is taken already, or is the network's or the broadcast address. */
  claim(address: bigint): boolean {
    if (this.#used.has(address) || this.#reserved(address) || !containsAddress(this.prefix, address)) return false;
    this.#used.add(address);
    return true;
  }

  release(address: bigint): void {
    if (!this.#used.delete(address)) return;
    if (address >= this.#range.first && address < this.#lowest) this.#lowest = address;
  }

  /** Of a subnet with more than two addresses, the first names the network and (IPv4) the last is the broadcast. */
  #reserved(address: bigint): boolean {
    const { prefix } = this;
    if (prefix.last - prefix.first < 2n) return false;
    return address === prefix.first || (prefix.family === 4 && address === prefix.last);
  }
}
