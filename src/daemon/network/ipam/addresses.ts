import { EngineError, forbidden } from "../../../base/errors.ts";
import type { IPAMConfig } from "../../../wire/engine/network.ts";
import type { NetworkRecord } from "../record.ts";
import { familyOf, parseAddress, parsePrefix } from "./prefix.ts";
import { Subnet } from "./subnet.ts";

/** The addresses of one network, rebuilt from its record and its endpoints at every start of the daemon. */
export class Addresses {
  readonly #subnets: { config: IPAMConfig; subnet: Subnet }[] = [];

  /** The gateways and the auxiliary addresses are taken from the beginning. */
  constructor(network: NetworkRecord) {
    for (const config of network.ipam.config ?? []) {
      const prefix = parsePrefix(config.Subnet ?? "");
      if (prefix === null) continue;
      const subnet = new Subnet(prefix, parsePrefix(config.IPRange ?? "") ?? prefix);
      for (const address of [config.Gateway ?? "", ...Object.values(config.AuxiliaryAddresses ?? {})]) {
        const value = parseAddress(address.split("/")[0] ?? "");
        if (value !== null) subnet.claim(value);
      }
      this.#subnets.push({ config, subnet });
    }
  }

  /**
   * Takes an address of a family: the one that is asked for, else the lowest free one.
   * @throws EngineError forbidden "Address already in use"; system "no available IPv4 addresses on this network's address pools: …"
   */
  take(network: NetworkRecord, family: 4 | 6, wanted?: string): { address: string; prefixLength: number } {
    const candidates = this.#subnets.filter(({ subnet }) => subnet.prefix.family === family);
    if (wanted !== undefined && wanted !== "") {
      const value = parseAddress(wanted);
      const found = candidates.find(
        ({ subnet }) => value !== null && value >= subnet.prefix.first && value <= subnet.prefix.last,
      );
      if (value === null || found === undefined)
        throw forbidden("Invalid address " + wanted + ": It does not belong to any of this network's subnets");
      if (!found.subnet.claim(value)) throw forbidden("Address already in use");
      return { address: wanted, prefixLength: found.subnet.prefix.prefixLength };
    }
    for (const { subnet } of candidates) {
      const address = subnet.take();
      if (address !== null) return { address, prefixLength: subnet.prefix.prefixLength };
    }
    throw new EngineError(
      "system",
      `no available IPv${family} addresses on this network's address pools: ${network.name} (${network.id})`,
    );
  }

  /** Takes an address that a record says is in use. */
  adopt(address: string): void {
    const value = parseAddress(address);
    if (value === null) return;
    for (const { subnet } of this.#subnets) if (subnet.prefix.family === familyOf(address)) subnet.claim(value);
  }

  release(address: string): void {
    const value = parseAddress(address);
    if (value === null) return;
    for (const { subnet } of this.#subnets) if (subnet.prefix.family === familyOf(address)) subnet.release(value);
  }
}
