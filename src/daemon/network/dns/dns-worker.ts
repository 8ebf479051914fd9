import { closeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { addressBytes } from "../../../linux/netlink/ip.ts";
import {
  type Expression,
  replaceOutputNatTable,
  toAddress,
  toPort,
  translateTo,
} from "../../../linux/netlink/nftables.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../../linux/netlink/socket.ts";
import { bindSocket, boundPort } from "../../../linux/socket/bind.ts";
import type { SandboxRecord } from "../record.ts";
import { addressesOf } from "../release.ts";
import { SandboxNamespace } from "../sandbox/namespace.ts";
import type { Dns } from "./dns.ts";
import type { DnsSockets } from "./server.ts";
import type { DnsCommand } from "./worker.ts";
import type { DnsSandbox } from "./zone.ts";

/** Where containers ask. **Source:** Docker, embedded DNS server. */
const address = "127.0.0.11";
const port = 53;
const tableName = "berth-dns";
const tcpBacklog = 64;
/** So that a worker that cannot live does not take a processor. */
const respawnDelayMs = 200;
/** Names of tens of thousands of containers. */
const maxHeapMb = 128;
const protocols = { tcp: 6, udp: 17 };

/**
 * The embedded DNS, answering from a worker thread: a flood of questions does not hold up the API. The sockets are made
 * in the containers' namespaces, on ports of the kernel's choice; rules in those namespaces lead port 53 there.
 *
 * A worker that dies is started again, and everything is served again.
 */
export class DnsWorker implements Dns {
  #worker: Worker | undefined;
  #closed = false;
  /** What is served, to be told a new worker. */
  readonly #served = new Map<string, SandboxRecord>();

  prepare(): void {
    this.#worker ??= this.#spawn();
  }

  async serve(sandbox: SandboxRecord, namespace: SandboxNamespace): Promise<void> {
    this.#served.set(sandbox.containerId, sandbox);
    this.#start(sandbox, namespace);
  }

  update(sandbox: SandboxRecord): void {
    if (!this.#served.has(sandbox.containerId)) return;
    this.#served.set(sandbox.containerId, sandbox);
    this.#tell({ kind: "put", sandbox: visible(sandbox) });
  }

  stop(containerId: string): void {
    if (this.#served.delete(containerId)) this.#tell({ kind: "stop", containerId });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(sandbox: SandboxRecord, namespace: SandboxNamespace): void {
    const sockets = namespace.run(() => openSockets());
    this.#tell({ kind: "serve", sandbox: visible(sandbox), sockets });
  }

  #tell(command: DnsCommand): void {
    this.#worker ??= this.#spawn();
    this.#worker.postMessage(command);
  }

  #spawn(): Worker {
    const worker = new Worker(new URL("worker.ts", import.meta.url), {
      name: "dns",
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    worker.unref();
    worker.on("error", () => {});
    worker.on("exit", () => {
      this.#worker = undefined;
      if (!this.#closed) setTimeout(() => this.#serveAgain(), respawnDelayMs).unref();
    });
    return worker;
  }

  #serveAgain(): void {
    for (const sandbox of this.#served.values()) {
      try {
        using namespace = SandboxNamespace.open(sandbox.path);
        this.#start(sandbox, namespace);
      } catch {
        // The namespace has gone with its container, whose release is on its way.
      }
    }
  }
}

/** Inside the sandbox: the sockets, and the rules that lead to them. Works in one turn. */
const openSockets = (): DnsSockets => {
  const udpFd = bindSocket({ protocol: "udp", address, port: 0 });
  try {
    const tcpFd = bindSocket({ protocol: "tcp", address, port: 0, backlog: tcpBacklog });
    try {
      const to = addressBytes(address);
      const rule = (protocol: number, fd: number): Expression[] => [
        ...toAddress(to),
        ...toPort(protocol, port),
        ...translateTo(to, boundPort(fd)),
      ];
      const rules = [rule(protocols.udp, udpFd), rule(protocols.tcp, tcpFd)];
      const netfilter = new NetlinkSocket(NETLINK_NETFILTER);
      try {
        replaceOutputNatTable(netfilter, { name: tableName, chain: "output", rules });
      } finally {
        netfilter.closeLater();
      }
      return { udpFd, tcpFd };
    } catch (error) {
      closeSync(tcpFd);
      throw error;
    }
  } catch (error) {
    closeSync(udpFd);
    throw error;
  }
};

/** What the DNS needs to know of a sandbox. One that no network leads out of asks nobody. */
const visible = (sandbox: SandboxRecord): DnsSandbox => ({
  containerId: sandbox.containerId,
  containerName: sandbox.containerName,
  endpoints: sandbox.endpoints
    .filter(({ dnsNames }) => dnsNames.length > 0)
    .map((endpoint) => ({
      networkId: endpoint.networkId,
      networkName: endpoint.networkName,
      addresses: addressesOf(endpoint),
      dnsNames: endpoint.dnsNames,
      links: endpoint.links,
    })),
  upstream: sandbox.endpoints.some(({ ipv4, ipv6 }) => ipv4?.gateway !== undefined || ipv6?.gateway !== undefined)
    ? sandbox.upstream
    : [],
  ndots:
    Number(sandbox.files.dnsOptions.find((option) => option.startsWith("ndots:"))?.slice("ndots:".length) ?? 0) || 0,
});
