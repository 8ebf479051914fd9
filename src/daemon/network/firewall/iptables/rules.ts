import type { FirewallLink, FirewallNetwork, FirewallPort, FirewallSubnet } from "../firewall.ts";
import type { Rule, TableName } from "./rule.ts";

/** The chains of Docker 28, by their roles. */
export const chainsOf = (prefix: string): Record<TableName, string[]> => ({
  raw: [],
  nat: [prefix],
  filter: [
    prefix,
    `${prefix}-BRIDGE`,
    `${prefix}-CT`,
    `${prefix}-FORWARD`,
    `${prefix}-ISOLATION-STAGE-1`,
    `${prefix}-ISOLATION-STAGE-2`,
    `${prefix}-USER`,
  ],
});

/** Makes the rules of one instance: its chain prefix and the mark that each of its rules carries. */
export interface RuleStyle {
  prefix: string;
  /** "berth:<instance>" */
  mark: string;
}

const maker =
  ({ mark }: RuleStyle) =>
  (table: TableName, chain: string, at: Rule["at"], match: string, target: string): Rule => ({
    table,
    chain,
    at,
    spec: `${match === "" ? "" : `${match} `}-m comment --comment ${mark} -j ${target}`,
  });

/**
 * What is there once, whatever networks there are. A container can forge frames to 127.0.0.0/8, which `route_localnet`
 * would let through to the host's own services: the raw table drops them, before anything else sees them.
 */
export const baseRules = (style: RuleStyle, family: 4 | 6): Rule[] => {
  const rule = maker(style);
  const { prefix } = style;
  const loopback = family === 4 ? "127.0.0.0/8" : "::1/128";
  return [
    rule("raw", "PREROUTING", "insert", `-d ${loopback} ! -i lo`, "DROP"),
    rule("filter", "FORWARD", "insert", "", `${prefix}-FORWARD`),
    rule("filter", "FORWARD", "insert", "", `${prefix}-USER`),
    rule("filter", `${prefix}-FORWARD`, "append", "", `${prefix}-CT`),
    rule("filter", `${prefix}-FORWARD`, "append", "", `${prefix}-ISOLATION-STAGE-1`),
    rule("filter", `${prefix}-FORWARD`, "append", "", `${prefix}-BRIDGE`),
    // What came to a published port may pass to another bridge; the port's own rule lets it in there.
    rule("filter", `${prefix}-ISOLATION-STAGE-1`, "append", "-m conntrack --ctstate DNAT", "RETURN"),
    rule("nat", "PREROUTING", "append", "-m addrtype --dst-type LOCAL", prefix),
    rule("nat", "OUTPUT", "append", `${family === 4 ? "" : "! -d ::1/128 "}-m addrtype --dst-type LOCAL`, prefix),
  ];
};

/** The rules of one network in one family. Containers without published ports need no others. */
export const networkRules = (style: RuleStyle, network: FirewallNetwork, subnet: FirewallSubnet): Rule[] => {
  const rule = maker(style);
  const { prefix } = style;
  const { bridge } = network;
  const talk = network.icc ? "ACCEPT" : "DROP";
  if (network.internal) {
    return [
      rule("filter", `${prefix}-ISOLATION-STAGE-1`, "insert", `! -d ${subnet.subnet} -i ${bridge}`, "DROP"),
      rule("filter", `${prefix}-ISOLATION-STAGE-1`, "insert", `! -s ${subnet.subnet} -o ${bridge}`, "DROP"),
      rule("filter", `${prefix}-FORWARD`, "append", `-i ${bridge} -o ${bridge}`, talk),
    ];
  }
  return [
    ...directAccessRules(style, network, subnet),
    rule("filter", `${prefix}-CT`, "append", `-o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED`, "ACCEPT"),
    rule("filter", `${prefix}-BRIDGE`, "append", `-o ${bridge}`, prefix),
    ...(subnet.gatewayMode === "nat-unprotected"
      ? [rule("filter", prefix, "append", `! -i ${bridge} -o ${bridge}`, "ACCEPT")]
      : [rule("filter", prefix, "append", `! -i ${bridge} -o ${bridge}`, "DROP")]),
    ...(network.icc ? [] : [rule("filter", `${prefix}-FORWARD`, "append", `-i ${bridge} -o ${bridge}`, "DROP")]),
    rule("filter", `${prefix}-FORWARD`, "append", `-i ${bridge}`, "ACCEPT"),
    rule(
      "filter",
      `${prefix}-ISOLATION-STAGE-1`,
      "append",
      `-i ${bridge} ! -o ${bridge}`,
      `${prefix}-ISOLATION-STAGE-2`,
    ),
    ...(subnet.gatewayMode === "routed"
      ? []
      : [rule("filter", `${prefix}-ISOLATION-STAGE-2`, "append", `-o ${bridge}`, "DROP")]),
    ...translationRules(style, network, subnet),
  ];
};

/** Nobody reaches a container by its own address from outside its bridge, whatever route leads to it. */
const directAccessRules = (style: RuleStyle, network: FirewallNetwork, subnet: FirewallSubnet): Rule[] => {
  if (subnet.gatewayMode !== "nat" || !subnet.masquerade) return [];
  const rule = maker(style);
  const to = `-d ${subnet.subnet}`;
  return [
    ...network.trustedInterfaces.map((name) => rule("raw", "PREROUTING", "append", `${to} -i ${name}`, "ACCEPT")),
    // The bridge's own address is the host's: what is published may be reached by it.
    rule("raw", "PREROUTING", "append", `${to} ! -i ${network.bridge} -m addrtype ! --dst-type LOCAL`, "DROP"),
  ];
};

const translationRules = (style: RuleStyle, network: FirewallNetwork, subnet: FirewallSubnet): Rule[] => {
  if (subnet.gatewayMode === "routed") return [];
  const rule = maker(style);
  const { bridge } = network;
  const ipv4 = !subnet.subnet.includes(":");
  return [
    ...(subnet.masquerade
      ? [rule("nat", "POSTROUTING", "append", `-s ${subnet.subnet} ! -o ${bridge}`, "MASQUERADE")]
      : []),
    // The host's own programs that go to 127.0.0.1 and a published port.
    ...(ipv4 ? [rule("nat", "POSTROUTING", "append", `-s 127.0.0.0/8 -o ${bridge}`, "MASQUERADE")] : []),
    // A container that goes to a published port of its own network, or of itself: the answer must pass the host again.
    rule(
      "nat",
      "POSTROUTING",
      "append",
      `-s ${subnet.subnet} -d ${subnet.subnet} -o ${bridge} -m conntrack --ctstate DNAT`,
      "MASQUERADE",
    ),
  ];
};

const host = (address: string): string => `${address}/${address.includes(":") ? 128 : 32}`;

/** The rules of one published port. */
export const portRules = (style: RuleStyle, port: FirewallPort): Rule[] => {
  const rule = maker(style);
  const { bridge, proto, address } = port;
  const ipv6 = address.includes(":");
  const accept = rule(
    "filter",
    style.prefix,
    "insert",
    `-d ${host(address)} ! -i ${bridge} -o ${bridge} -p ${proto} -m ${proto} --dport ${port.containerPort}`,
    "ACCEPT",
  );
  if (!port.translate) return [accept];
  const anywhere = port.hostIp === "0.0.0.0" || port.hostIp === "::";
  const to = anywhere ? "" : `-d ${host(port.hostIp)} `;
  // A link-local client's answers could not be routed back: the relay serves it.
  const from = ipv6 ? "! -s fe80::/10 " : "";
  const destination = ipv6 ? `[${address}]:${port.containerPort}` : `${address}:${port.containerPort}`;
  return [
    accept,
    rule(
      "nat",
      style.prefix,
      "append",
      `${from}${to}-p ${proto} -m ${proto} --dport ${port.hostPort}`,
      `DNAT --to-destination ${destination}`,
    ),
  ];
};

/** Both directions of a link between two containers that may not talk otherwise. */
export const linkRules = (style: RuleStyle, link: FirewallLink): Rule[] => {
  const rule = maker(style);
  const { bridge, proto } = link;
  const between = (from: string, to: string, side: string): Rule =>
    rule(
      "filter",
      `${style.prefix}-FORWARD`,
      "insert",
      `-s ${host(from)} -d ${host(to)} -i ${bridge} -o ${bridge} -p ${proto} -m ${proto} ${side} ${link.port}`,
      "ACCEPT",
    );
  return [between(link.from, link.to, "--dport"), between(link.to, link.from, "--sport")];
};
