import type { Firewall, FirewallLink, FirewallNetwork, FirewallPort, FirewallState } from "../firewall.ts";
import { Batch, type Desired } from "./batch.ts";
import type { IptablesCommand } from "./command.ts";
import { RulesetWatch } from "../watch.ts";
import { type Change, type Rule, add, remove } from "./rule.ts";
import { type RuleStyle, baseRules, chainsOf, linkRules, networkRules, portRules } from "./rules.ts";
import { missingChains, parseSaved, removeOwn } from "./saved.ts";

const forwardPolicy: Change = { table: "filter", line: ":FORWARD DROP [0:0]" };

/**
 * The firewall by iptables: Docker 28's chains, written only by `iptables-restore --noflush`, one batch a change. A batch
 * that is refused (somebody flushed a table, a chain is gone) is answered by a `sync` of everything that should be there.
 */
export class IptablesFirewall implements Firewall {
  readonly name = "iptables" as const;
  readonly #style: RuleStyle;
  readonly #families: Map<4 | 6, Batch>;
  readonly #networks = new Map<string, FirewallNetwork>();
  readonly #ports = new Map<string, FirewallPort>();
  readonly #links = new Map<string, FirewallLink>();
  /** Families whose forwarding this engine turned on. */
  readonly #droppedForwards = new Set<4 | 6>();

  /** @param ipv6 null on a host without ip6tables; networks with IPv6 are refused there. */
  constructor(style: RuleStyle, ipv4: IptablesCommand, ipv6: IptablesCommand | null) {
    this.#style = style;
    this.#families = new Map([[4, new Batch(ipv4, this.#desired(4))]]);
    if (ipv6 !== null) this.#families.set(6, new Batch(ipv6, this.#desired(6)));
  }

  async sync(state: FirewallState): Promise<void> {
    this.#networks.clear();
    this.#ports.clear();
    this.#links.clear();
    for (const network of state.networks) this.#networks.set(network.id, network);
    for (const port of state.ports) this.#ports.set(JSON.stringify(port), port);
    for (const link of state.links) this.#links.set(JSON.stringify(link), link);
    await Promise.all([...this.#families.values()].map((batch) => batch.resync()));
    // The chain's policy is the administrator's to change: it is set again only after a flush.
    for (const family of state.droppedForwards) this.#droppedForwards.add(family);
  }

  async addNetwork(network: FirewallNetwork): Promise<void> {
    this.#networks.set(network.id, network);
    await this.#apply((family) => this.#networkRules(network, family).map(add));
  }

  async removeNetwork(network: FirewallNetwork): Promise<void> {
    this.#networks.delete(network.id);
    await this.#apply((family) => this.#networkRules(network, family).map(remove));
  }

  async addPorts(ports: readonly FirewallPort[], links: readonly FirewallLink[]): Promise<void> {
    for (const port of ports) this.#ports.set(JSON.stringify(port), port);
    for (const link of links) this.#links.set(JSON.stringify(link), link);
    await this.#apply((family) => this.#endpointRules(ports, links, family).map(add));
  }

  async removePorts(ports: readonly FirewallPort[], links: readonly FirewallLink[]): Promise<void> {
    for (const port of ports) this.#ports.delete(JSON.stringify(port));
    for (const link of links) this.#links.delete(JSON.stringify(link));
    await this.#apply((family) => this.#endpointRules(ports, links, family).map(remove));
  }

  async dropForwarded(family: 4 | 6): Promise<void> {
    this.#droppedForwards.add(family);
    await this.#families.get(family)?.apply([forwardPolicy]);
  }

  watch(onFailure: (error: unknown) => void): Disposable {
    const watch = new RulesetWatch(async () => {
      const results = await Promise.allSettled([...this.#families.values()].map((batch) => batch.verify()));
      for (const result of results) if (result.status === "rejected") onFailure(result.reason);
    });
    for (const batch of this.#families.values()) batch.watch = watch;
    return watch;
  }

  async #apply(changes: (family: 4 | 6) => Change[]): Promise<void> {
    await Promise.all([...this.#families].map(([family, batch]) => batch.apply(changes(family))));
  }

  #desired(family: 4 | 6): Desired {
    return {
      repair: (text) => {
        const saved = parseSaved(text, this.#style.mark);
        return [
          ...missingChains(saved, chainsOf(this.#style.prefix)),
          ...removeOwn(saved),
          ...this.#allRules(family).map(add),
          ...(this.#droppedForwards.has(family) ? [forwardPolicy] : []),
        ];
      },
      holds: (text) => parseSaved(text, this.#style.mark).own.length === this.#allRules(family).length,
    };
  }

  #allRules(family: 4 | 6): Rule[] {
    return [
      ...baseRules(this.#style, family),
      ...[...this.#networks.values()].flatMap((network) => this.#networkRules(network, family)),
      ...this.#endpointRules([...this.#ports.values()], [...this.#links.values()], family),
    ];
  }

  #networkRules(network: FirewallNetwork, family: 4 | 6): Rule[] {
    const subnet = family === 4 ? network.ipv4 : network.ipv6;
    return subnet === undefined ? [] : networkRules(this.#style, network, subnet);
  }

  #endpointRules(ports: readonly FirewallPort[], links: readonly FirewallLink[], family: 4 | 6): Rule[] {
    const inFamily = (address: string): boolean => address.includes(":") === (family === 6);
    return [
      ...ports.filter((port) => inFamily(port.address)).flatMap((port) => portRules(this.#style, port)),
      ...links.filter((link) => inFamily(link.to)).flatMap((link) => linkRules(this.#style, link)),
    ];
  }
}
