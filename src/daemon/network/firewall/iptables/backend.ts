import type { Firewall, FirewallLink, FirewallNetwork, FirewallPort, FirewallState } from "../firewall.ts";
import { Batch } from "./batch.ts";
import type { IptablesCommand } from "./command.ts";
import { type Rule, add, remove } from "./rule.ts";
import { type RuleStyle, baseRules, chainsOf, linkRules, networkRules, portRules } from "./rules.ts";
import { missingChains, parseSaved, removeOwn } from "./saved.ts";

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

  /** @param ipv6 null on a host without ip6tables; networks with IPv6 are refused there. */
  constructor(style: RuleStyle, ipv4: IptablesCommand, ipv6: IptablesCommand | null) {
    this.#style = style;
    this.#families = new Map([[4, new Batch(ipv4, (text) => this.#repair(4, text))]]);
    if (ipv6 !== null) this.#families.set(6, new Batch(ipv6, (text) => this.#repair(6, text)));
  }

  async sync(state: FirewallState): Promise<void> {
    this.#networks.clear();
    this.#ports.clear();
    this.#links.clear();
    for (const network of state.networks) this.#networks.set(network.id, network);
    for (const port of state.ports) this.#ports.set(JSON.stringify(port), port);
    for (const link of state.links) this.#links.set(JSON.stringify(link), link);
    await Promise.all([...this.#families.values()].map((batch) => batch.resync()));
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
    await this.#families.get(family)?.apply([{ table: "filter", line: ":FORWARD DROP [0:0]" }]);
  }

  async #apply(changes: (family: 4 | 6) => { table: Rule["table"]; line: string }[]): Promise<void> {
    await Promise.all([...this.#families].map(([family, batch]) => batch.apply(changes(family))));
  }

  /** The whole batch that brings a family from what `iptables-save` shows to what should be. */
  #repair(family: 4 | 6, text: string): { table: Rule["table"]; line: string }[] {
    const saved = parseSaved(text, this.#style.mark);
    const rules = [
      ...baseRules(this.#style, family),
      ...[...this.#networks.values()].flatMap((network) => this.#networkRules(network, family)),
      ...this.#endpointRules([...this.#ports.values()], [...this.#links.values()], family),
    ];
    return [...missingChains(saved, chainsOf(this.#style.prefix)), ...removeOwn(saved), ...rules.map(add)];
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
