/** One address family of a bridge network, as the firewall sees it. */
export interface FirewallSubnet {
  /** "172.17.0.0/16" */
  subnet: string;
  /** What leaves the host gets the host's address. */
  masquerade: boolean;
  /**
   * nat: published ports are forwarded, nothing else comes in. nat-unprotected: all ports may be reached by a route.
   * routed: no translation, published ports may be reached by a route.
   */
  gatewayMode: "nat" | "nat-unprotected" | "routed" | "isolated";
}

/** A bridge network. */
export interface FirewallNetwork {
  id: string;
  /** The bridge's name. */
  bridge: string;
  internal: boolean;
  /** Containers on it may talk to one another. */
  icc: boolean;
  ipv4?: FirewallSubnet;
  ipv6?: FirewallSubnet;
  /** Interfaces from which containers may be reached by a route. */
  trustedInterfaces: string[];
}

/** A published port that the firewall forwards. */
export interface FirewallPort {
  bridge: string;
  proto: "tcp" | "udp" | "sctp";
  hostIp: string;
  hostPort: number;
  address: string;
  containerPort: number;
  /** false: it is only let through (gateway mode routed). */
  translate: boolean;
}

/** With icc=false: what a container that links to another one may reach of it. */
export interface FirewallLink {
  bridge: string;
  /** Address of the container that has the link. */
  from: string;
  /** Address of the container it leads to. */
  to: string;
  proto: "tcp" | "udp" | "sctp";
  port: number;
}

/** Everything that should be in force. */
export interface FirewallState {
  networks: FirewallNetwork[];
  ports: FirewallPort[];
  links: FirewallLink[];
  /** Families in which `dropForwarded` was called since the machine's start. */
  droppedForwards: (4 | 6)[];
}

/**
 * What keeps networks apart and leads published ports in. Each promise is fulfilled once the kernel has the rules. Rules
 * that do not carry the instance's mark are never changed.
 */
export interface Firewall {
  readonly name: "iptables" | "nftables";
  /** Puts exactly this in force, whatever of ours was there; also after somebody flushed the tables. */
  sync(state: FirewallState): Promise<void>;
  addNetwork(network: FirewallNetwork): Promise<void>;
  removeNetwork(network: FirewallNetwork): Promise<void>;
  addPorts(ports: readonly FirewallPort[], links: readonly FirewallLink[]): Promise<void>;
  removePorts(ports: readonly FirewallPort[], links: readonly FirewallLink[]): Promise<void>;
  /** Drops what is forwarded where this engine had to turn forwarding on. */
  dropForwarded(family: 4 | 6): Promise<void>;
  /**
   * Puts everything back within a second when somebody flushes or reloads the host's rules.
   * @param onFailure told when that fails; the next change of the rules tries again
   */
  watch(onFailure: (error: unknown) => void): Disposable;
}
