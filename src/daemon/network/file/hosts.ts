/** "name:address" of `--add-host`, `address` may be "host-gateway". */
export interface HostsInput {
  hostname: string;
  domainname: string;
  /** The container's own addresses. */
  addresses: string[];
  extraHosts: string[];
  /** What "host-gateway" stands for. */
  hostGateway: string[];
  /** Linked containers: address and the names it is known by. */
  links: { address: string; names: string[] }[];
  /** The sandbox has IPv6. */
  ipv6: boolean;
}

const local4 = ["127.0.0.1\tlocalhost"];
const local6 = [
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/** The content of a container's /etc/hosts, as Docker 28 writes it. */
export const hostsFile = (input: HostsInput): string => {
  const own = input.domainname === "" ? input.hostname : `${input.hostname}.${input.domainname} ${input.hostname}`;
  const extra = input.extraHosts.flatMap((entry) => {
    const at = entry.search(/[:=]/);
    const [name, address] = [entry.slice(0, at), entry.slice(at + 1)];
    return (address === "host-gateway" ? input.hostGateway : [address]).map((one) => `${one}\t${name}`);
  });
  const lines = [
    ...local4,
    ...(input.ipv6 ? local6 : []),
    ...extra,
    ...input.links.map(({ address, names }) => `${address}\t${names.join(" ")}`),
    ...input.addresses.map((address) => `${address}\t${own}`),
  ];
  return `${lines.join("\n")}\n`;
};
