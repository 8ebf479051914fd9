import type { Firewall, FirewallLink, FirewallNetwork, FirewallPort, FirewallState } from "../firewall.ts";
import { RulesetWatch } from "../watch.ts";
import type { NftCommand } from "./command.ts";
import { elementsText, tableText } from "./ruleset.ts";

const families = [
  [4, "ip"],
  [6, "ip6"],
] as const;

/**
 * The firewall by native nftables, in tables of the instance's own name. `iptables -S` shows nothing of it, and an
 * `accept` here does not overrule a `drop` of another table.
 */
export class NftablesFirewall implements Firewall {
  readonly name = "nftables" as const;
  readonly #table: string;
  readonly #command: NftCommand;
  readonly #networks = new Map<string, FirewallNetwork>();
  /** What is in force or on its way. */
  readonly #ports = new Map<string, FirewallPort>();
  readonly #links = new Map<string, FirewallLink>();
  readonly #dropped = new Set<4 | 6>();
  /** What nft showed when the tables were made. */
  #listing = "";
  #watch: RulesetWatch | undefined;
  #running: Promise<void> = Promise.resolve();

  /** @param instance letters and digits; the tables are called by it */
  constructor(instance: string, command: NftCommand) {
    this.#table = `berth-${instance}`;
    this.#command = command;
  }

  sync(state: FirewallState): Promise<void> {
    this.#networks.clear();
    this.#ports.clear();
    this.#links.clear();
    for (const network of state.networks) this.#networks.set(network.id, network);
    for (const port of state.ports) this.#ports.set(JSON.stringify(port), port);
    for (const link of state.links) this.#links.set(JSON.stringify(link), link);
    for (const family of state.droppedForwards) this.#dropped.add(family);
    return this.#enqueue(() => this.#rebuild());
  }

  addNetwork(network: FirewallNetwork): Promise<void> {
    this.#networks.set(network.id, network);
    return this.#enqueue(() => this.#rebuild());
  }

  removeNetwork(network: FirewallNetwork): Promise<void> {
    this.#networks.delete(network.id);
    return this.#enqueue(() => this.#rebuild());
  }

  addPorts(ports: readonly FirewallPort[], links: readonly FirewallLink[]): Promise<void> {
    for (const port of ports) this.#ports.set(JSON.stringify(port), port);
    for (const link of links) this.#links.set(JSON.stringify(link), link);
    return this.#change("add", ports, links);
  }

  removePorts(ports: readonly FirewallPort[], links: readonly FirewallLink[]): Promise<void> {
    for (const port of ports) this.#ports.delete(JSON.stringify(port));
    for (const link of links) this.#links.delete(JSON.stringify(link));
    // Another host port may lead to the same port of the container: then it stays open.
    const shared = new Set([...this.#ports.values()].map(target));
    return ports.some((port) => shared.has(target(port)))
      ? this.#enqueue(() => this.#rebuild())
      : this.#change("delete", ports, links);
  }

  dropForwarded(family: 4 | 6): Promise<void> {
    this.#dropped.add(family);
    return this.#enqueue(() => this.#rebuild());
  }

  watch(onFailure: (error: unknown) => void): Disposable {
    this.#watch = new RulesetWatch(() => this.#enqueue(() => this.#verify()).catch(onFailure));
    return this.#watch;
  }

  /** Changes elements; when that is refused (somebody flushed, elements are missing), all is made anew. */
  #change(verb: "add" | "delete", ports: readonly FirewallPort[], links: readonly FirewallLink[]): Promise<void> {
    return this.#enqueue(async () => {
      const text = families.map(([family]) => elementsText(verb, this.#table, family, ports, links)).join("");
      if (text === "") return;
      try {
        await this.#apply(text);
      } catch {
        await this.#rebuild();
      }
    });
  }

  async #verify(): Promise<void> {
    if ((await this.#list()) !== this.#listing) await this.#rebuild();
  }

  async #rebuild(): Promise<void> {
    const state = {
      networks: [...this.#networks.values()],
      ports: [...this.#ports.values()],
      links: [...this.#links.values()],
      droppedForwards: [...this.#dropped],
    };
    const text = families.map(([family]) => tableText({ ...state, family, table: this.#table }));
    await this.#apply(text.join(""));
    this.#listing = await this.#list();
  }

  async #list(): Promise<string> {
    const tables = await Promise.all(families.map(([, name]) => this.#command.list(name, this.#table)));
    return tables.join("\n");
  }

  #apply(text: string): Promise<void> {
    const apply = (): Promise<void> => this.#command.apply(text);
    // One file is one transaction, whatever is in it.
    return this.#watch === undefined ? apply() : this.#watch.expect(1, apply);
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#running.then(work, work);
    this.#running = result.catch(() => {});
    return result;
  }
}

const target = ({ bridge, address, proto, containerPort }: FirewallPort): string =>
  [bridge, address, proto, containerPort].join(" ");
