import type { FirewallLink, FirewallNetwork, FirewallPort, FirewallState, FirewallSubnet } from "../firewall.ts";

type Family = 4 | 6;

/** What one family's table is made from. */
export interface RulesetInput extends FirewallState {
  table: string;
  family: Family;
}

const quoted = (name: string): string => `"${name}"`;
const ipOf = (family: Family): "ip" | "ip6" => (family === 4 ? "ip" : "ip6");
const inFamily = (address: string, family: Family): boolean => address.includes(":") === (family === 6);
const isWildcard = (address: string): boolean => address === "0.0.0.0" || address === "::";
const setOf = (items: readonly string[]): string => `{ ${items.join(", ")} }`;

/**
 * A whole table, replaced in one step. Networks are rules; published ports and links are elements of sets and maps, so
 * that a container's start and end change elements only.
 *
 * **Source:** nft(8).
 */
export const tableText = (input: RulesetInput): string => {
  const { table, family } = input;
  const ip = ipOf(family);
  const networks = input.networks.flatMap((network) => {
    const subnet = family === 4 ? network.ipv4 : network.ipv6;
    return subnet === undefined ? [] : [{ network, subnet }];
  });
  const elements = elementsText("add", table, family, input.ports, input.links);
  return `add table ${ip} ${table}
delete table ${ip} ${table}
table ${ip} ${table} {
  map any_ports { typeof meta l4proto . th dport : ${ip} daddr . th dport; }
  map host_ports { typeof ${ip} daddr . meta l4proto . th dport : ${ip} daddr . th dport; }
  set published { typeof oifname . ${ip} daddr . meta l4proto . th dport; }
  set links { typeof ${ip} saddr . ${ip} daddr . meta l4proto . th dport; }
  chain raw_prerouting {
    type filter hook prerouting priority raw; policy accept;
    ${ip} daddr ${family === 4 ? "127.0.0.0/8" : "::1"} iifname != "lo" drop
${networks
  .flatMap(({ network, subnet }) => directAccess(network, subnet, ip))
  .map(indent)
  .join("")}  }
  chain forward {
    type filter hook forward priority filter; policy ${input.droppedForwards.includes(family) ? "drop" : "accept"};
${forward(networks, ip).map(indent).join("")}  }
  chain ports {
${family === 6 ? indent("ip6 saddr fe80::/10 return") : ""}    dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @host_ports
    dnat ${ip} to meta l4proto . th dport map @any_ports
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump ports
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ${family === 6 ? "ip6 daddr != ::1 " : ""}fib daddr type local jump ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${networks
  .flatMap(({ network, subnet }) => translation(network, subnet, ip))
  .map(indent)
  .join("")}  }
}
${elements}`;
};

const indent = (line: string): string => `    ${line}\n`;

interface Member {
  network: FirewallNetwork;
  subnet: FirewallSubnet;
}

const directAccess = (network: FirewallNetwork, subnet: FirewallSubnet, ip: string): string[] => {
  if (network.internal || subnet.gatewayMode !== "nat" || !subnet.masquerade) return [];
  const to = `${ip} daddr ${subnet.subnet}`;
  return [
    ...network.trustedInterfaces.map((name) => `${to} iifname ${quoted(name)} accept`),
    `${to} iifname != ${quoted(network.bridge)} fib daddr type != local drop`,
  ];
};

/** In this order: what stays on a bridge, internal networks, answers, what is published, and the walls between. */
const forward = (networks: readonly Member[], ip: string): string[] => {
  const open = networks.filter(({ network }) => !network.internal);
  const bridges = open.map(({ network }) => quoted(network.bridge));
  const walled = open
    .filter(({ subnet }) => subnet.gatewayMode !== "routed")
    .map(({ network }) => quoted(network.bridge));
  return [
    `${ip} saddr . ${ip} daddr . meta l4proto . th dport @links accept`,
    `${ip} daddr . ${ip} saddr . meta l4proto . th sport @links accept`,
    ...networks.map(
      ({ network: { bridge, icc } }) =>
        `iifname ${quoted(bridge)} oifname ${quoted(bridge)} ${icc ? "accept" : "ct status & dnat == 0 drop"}`,
    ),
    ...networks
      .filter(({ network }) => network.internal)
      .flatMap(({ network: { bridge }, subnet: { subnet } }) => [
        `oifname ${quoted(bridge)} ${ip} saddr != ${subnet} drop`,
        `iifname ${quoted(bridge)} ${ip} daddr != ${subnet} drop`,
      ]),
    ...(bridges.length > 0 ? [`oifname ${setOf(bridges)} ct state established,related accept`] : []),
    ...(walled.length > 0 ? [`iifname ${setOf(bridges)} oifname ${setOf(walled)} ct status & dnat == 0 drop`] : []),
    `oifname . ${ip} daddr . meta l4proto . th dport @published accept`,
    ...open.map(
      ({ network, subnet }) =>
        `oifname ${quoted(network.bridge)} ${subnet.gatewayMode === "nat-unprotected" ? "accept" : "drop"}`,
    ),
    ...(bridges.length > 0 ? [`iifname ${setOf(bridges)} accept`] : []),
  ];
};

const translation = (network: FirewallNetwork, subnet: FirewallSubnet, ip: string): string[] => {
  if (network.internal || subnet.gatewayMode === "routed") return [];
  const bridge = quoted(network.bridge);
  return [
    ...(subnet.masquerade ? [`${ip} saddr ${subnet.subnet} oifname != ${bridge} masquerade`] : []),
    ...(ip === "ip" ? [`ip saddr 127.0.0.0/8 oifname ${bridge} masquerade`] : []),
    `${ip} saddr ${subnet.subnet} ${ip} daddr ${subnet.subnet} oifname ${bridge} ct status & dnat != 0 masquerade`,
  ];
};

/** The elements of ports and links, to be added or deleted. */
export const elementsText = (
  verb: "add" | "delete",
  table: string,
  family: Family,
  ports: readonly FirewallPort[],
  links: readonly FirewallLink[],
): string => {
  const at = (set: string): string => `${verb} element ${ipOf(family)} ${table} ${set}`;
  const own = ports.filter(({ address }) => inFamily(address, family));
  const accepted = own.map(
    ({ bridge, address, proto, containerPort }) => `${quoted(bridge)} . ${address} . ${proto} . ${containerPort}`,
  );
  const translated = own
    .filter(({ translate }) => translate)
    .map((port) => {
      const key = `${port.proto} . ${port.hostPort}`;
      const value = verb === "add" ? ` : ${port.address} . ${port.containerPort}` : "";
      return isWildcard(port.hostIp)
        ? `${at("any_ports")} { ${key}${value} }\n`
        : `${at("host_ports")} { ${port.hostIp} . ${key}${value} }\n`;
    });
  const linked = links
    .filter(({ to }) => inFamily(to, family))
    .map(({ from, to, proto, port }) => `${at("links")} { ${from} . ${to} . ${proto} . ${port} }\n`);
  // Two host ports may lead to one port of the container: an element is deleted once.
  const lines = [...accepted.map((element) => `${at("published")} { ${element} }\n`), ...translated, ...linked];
  return [...new Set(lines)].join("");
};
