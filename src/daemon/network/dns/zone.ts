import { formatAddress, parseAddress } from "../ipam/prefix.ts";
import { type LocalAnswer, rcodes } from "./message.ts";

/** What the DNS knows of a sandbox. */
export interface DnsSandbox {
  containerId: string;
  containerName: string;
  endpoints: {
    networkId: string;
    networkName: string;
    addresses: string[];
    dnsNames: string[];
    /** alias → container name, for this sandbox alone */
    links: Record<string, string>;
  }[];
  /** Servers for what is not known here; empty: none. Networks that lead nowhere never ask any. */
  upstream: string[];
  /** Names with fewer dots stay here. */
  ndots: number;
}

const reverse4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/;
const reverse6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/;

/** The names and addresses of all sandboxes, and the answers that one of them gets. */
export class Zone {
  readonly #sandboxes = new Map<string, DnsSandbox>();
  /** network id → name → container ids, in the order they came */
  readonly #names = new Map<string, Map<string, Set<string>>>();
  #turn = 0;

  put(sandbox: DnsSandbox): void {
    this.delete(sandbox.containerId);
    this.#sandboxes.set(sandbox.containerId, sandbox);
    for (const { networkId, dnsNames } of sandbox.endpoints) {
      const names = this.#names.get(networkId) ?? new Map<string, Set<string>>();
      this.#names.set(networkId, names);
      for (const name of dnsNames.map((one) => one.toLowerCase())) {
        names.set(name, (names.get(name) ?? new Set()).add(sandbox.containerId));
      }
    }
  }

  delete(containerId: string): void {
    const sandbox = this.#sandboxes.get(containerId);
    if (sandbox === undefined) return;
    this.#sandboxes.delete(containerId);
    for (const { networkId, dnsNames } of sandbox.endpoints) {
      const names = this.#names.get(networkId);
      for (const name of dnsNames.map((one) => one.toLowerCase())) {
        const holders = names?.get(name);
        holders?.delete(containerId);
        if (holders?.size === 0) names?.delete(name);
      }
      if (names?.size === 0) this.#names.delete(networkId);
    }
  }

  get(containerId: string): DnsSandbox | undefined {
    return this.#sandboxes.get(containerId);
  }

  /** What a sandbox gets for a question, out of the names of its own networks; null when nothing here knows it. */
  answer(containerId: string, name: string, type: string): LocalAnswer | null {
    const sandbox = this.#sandboxes.get(containerId);
    if (sandbox === undefined) return null;
    const asked = name.toLowerCase().replace(/\.$/, "");
    if (type === "PTR") return this.#pointer(sandbox, asked);
    const addresses = this.#lookUp(sandbox, asked);
    if (addresses === null) return null;
    const wanted = addresses.filter((address) =>
      type === "A" ? !address.includes(":") : type === "AAAA" && address.includes(":"),
    );
    return {
      rcode: rcodes.noError,
      answers: this.#rotated(wanted).map((data) => ({ type: data.includes(":") ? "AAAA" : "A", data })),
    };
  }

  /** The addresses behind a name on the first of the sandbox's networks that knows it. */
  #lookUp(sandbox: DnsSandbox, asked: string): string[] | null {
    for (const { networkId, networkName, links } of sandbox.endpoints) {
      const suffix = `.${networkName.toLowerCase()}`;
      const bare = asked.endsWith(suffix) ? asked.slice(0, -suffix.length) : asked;
      const link = Object.entries(links).find(([alias]) => alias.toLowerCase() === bare)?.[1];
      const holders = this.#names.get(networkId)?.get((link ?? bare).toLowerCase());
      if (holders !== undefined) return [...holders].flatMap((id) => this.#addresses(id, networkId));
    }
    return null;
  }

  #addresses(containerId: string, networkId: string): string[] {
    const endpoints = this.#sandboxes.get(containerId)?.endpoints ?? [];
    return endpoints.filter((endpoint) => endpoint.networkId === networkId).flatMap(({ addresses }) => addresses);
  }

  #pointer(sandbox: DnsSandbox, asked: string): LocalAnswer | null {
    const address = addressOf(asked);
    if (address === null) return null;
    const networks = new Map(sandbox.endpoints.map(({ networkId, networkName }) => [networkId, networkName]));
    for (const other of this.#sandboxes.values()) {
      for (const endpoint of other.endpoints) {
        const network = networks.get(endpoint.networkId);
        if (network === undefined || !endpoint.addresses.includes(address)) continue;
        return { rcode: rcodes.noError, answers: [{ type: "PTR", data: `${other.containerName}.${network}` }] };
      }
    }
    return null;
  }

  /** Several addresses take turns at the head of the answer. */
  #rotated(addresses: string[]): string[] {
    if (addresses.length < 2) return addresses;
    this.#turn = (this.#turn + 1) % addresses.length;
    return [...addresses.slice(this.#turn), ...addresses.slice(0, this.#turn)];
  }
}

const addressOf = (name: string): string | null => {
  const four = reverse4.exec(name);
  if (four !== null) return four.slice(1).toReversed().join(".");
  const six = reverse6.exec(name)?.[1];
  if (six === undefined) return null;
  const digits = six.replaceAll(".", "").split("").toReversed().join("");
  const value = parseAddress(digits.match(/.{4}/g)?.join(":") ?? "");
  return value === null ? null : formatAddress(value, 6);
};
