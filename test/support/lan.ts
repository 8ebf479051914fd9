import { execFileSync } from "node:child_process";

/**
 * A second machine on the host's own network: a namespace on a veth pair with the host. Its routes lead to containers and
 * to 127.0.0.0/8 through the host, as an attacker on the same wire would set them.
 */
export class Lan implements Disposable {
  readonly path: string;
  readonly host: string;
  readonly address: string;
  readonly host6: string;
  readonly #name: string;

  /** @param net the first three bytes of its network */
  constructor(name = "lan", net = "192.0.2") {
    this.#name = name;
    this.host = `${net}.1`;
    this.address = `${net}.2`;
    const net6 = `2001:db8:${net.split(".")[0]}:`;
    this.host6 = `${net6}:1`;
    this.path = `/run/netns/${name}`;
    run(`ip netns add ${name}`);
    run(`ip link add ${name}0 type veth peer name eth0 netns ${name}`);
    run(`ip addr add ${this.host}/24 dev ${name}0`);
    run(`ip -6 addr add ${this.host6}/64 dev ${name}0 nodad`);
    run(`ip link set ${name}0 up`);
    run(`ip -n ${name} addr add ${this.address}/24 dev eth0`);
    run(`ip -n ${name} -6 addr add ${net6}:2/64 dev eth0 nodad`);
    run(`ip -n ${name} link set lo up`);
    run(`ip -n ${name} link set eth0 up`);
  }

  /** Leads what goes to these addresses through the host. */
  route(subnet: string): void {
    run(`ip -n ${this.#name} route replace ${subnet} via ${this.host}`);
  }

  [Symbol.dispose](): void {
    run(`ip link del ${this.#name}0`);
    run(`ip netns del ${this.#name}`);
  }
}

/**
 * Makes packets to 127.0.0.1 leave a namespace through its gateway: what a container with CAP_NET_ADMIN, or one that
 * forges frames, sends to its host.
 */
export const sendLoopbackOut = (path: string, gateway: string): void => {
  for (const command of [
    "sysctl -qw net.ipv4.conf.eth0.route_localnet=1",
    "ip addr del 127.0.0.1/8 dev lo",
    "ip route flush table local 127.0.0.0/8",
    `ip route replace 127.0.0.1/32 via ${gateway} dev eth0`,
  ]) {
    run(`nsenter --net=${path} ${command}`);
  }
};

const run = (command: string): void => {
  const [program = "", ...args] = command.split(" ");
  const path = program === "nsenter" ? "/usr/bin/nsenter" : `/usr/sbin/${program}`;
  execFileSync(path, args, { stdio: ["ignore", "ignore", "pipe"] });
};
