import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../../base/clock.ts";
import { EngineError, notFound } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";
import { KeyedQueue } from "../../base/keyed-queue.ts";
import { readSysctl } from "../../linux/netlink/sysctl.ts";
import { NetlinkQueue } from "../../linux/netlink/queue.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../linux/netlink/socket.ts";
import type {
  EndpointSettings,
  Network,
  NetworkCreateRequest,
  NetworkCreateResponse,
} from "../../wire/engine/network.ts";
import type { Database } from "../state/database.ts";
import { attach } from "./attach.ts";
import { connect, disconnect } from "./connect.ts";
import type { NetworkContext } from "./context.ts";
import { create } from "./create.ts";
import type { Dns } from "./dns/dns.ts";
import { forward } from "./driver/establish.ts";
import type { ForwardingRecord } from "./driver/forwarding.ts";
import { findNetwork, isPredefined } from "./find.ts";
import type { Firewall } from "./firewall/firewall.ts";
import { inspect, list } from "./list.ts";
import { type NetworkNames, markOf } from "./names.ts";
import { mayBeContainer } from "./own-address.ts";
import { PortAllocator } from "./port/allocator.ts";
import { type DefaultBridge, predefinedNetworks } from "./predefined.ts";
import type { NetworkRecord, SandboxRecord } from "./record.ts";
import { release } from "./release.ts";
import { prune, remove } from "./remove.ts";
import { rename } from "./rename.ts";
import type { NetworkRequest } from "./request.ts";
import { restore, takeUp } from "./restore.ts";
import { ConnectionTracker } from "./sandbox/connections.ts";
import { type NewSandbox, type Sandbox, sandboxView } from "./sandbox/sandbox.ts";
import { LinkSweeper } from "./sandbox/sweeper.ts";
import { validateEndpoint } from "./validate.ts";

export interface NetworkServiceOptions {
  /** Namespaces are pinned below it, in netns/. */
  execRoot: string;
  /** What tells this instance's links and rules from another's. */
  instance: string;
  names: NetworkNames;
  database: Database;
  firewall: Firewall;
  dns: Dns;
  bridge?: DefaultBridge;
  clock?: Clock;
  /** Where failures go that nobody waits for; by default nowhere. */
  report?: (message: string, error: unknown) => void;
}

/** Networks, and the containers on them. */
export class NetworkService implements AsyncDisposable {
  readonly #context: NetworkContext;
  /** Networks come and go one at a time: names, subnets and bridges are chosen among those that are there. */
  readonly #changes = new KeyedQueue();
  readonly #watch: Disposable;

  /**
   * Takes up the recorded networks and makes the predefined ones. Until `restore` is called, all recorded sandboxes are
   * taken for living.
   * @throws EngineError, SystemError
   */
  static async open(options: NetworkServiceOptions): Promise<NetworkService> {
    const context = contextOf(options);
    mkdirSync(join(options.execRoot, "netns"), { recursive: true, mode: 0o755 });
    const networks = predefinedNetworks(context, options.bridge ?? {});
    const given = new Set(networks.map(({ id }) => id));
    context.database.transaction((transaction) => {
      for (const network of networks) transaction.put(context.networks, network.id, network);
      // `--bridge none`: the default bridge of earlier is a network no more.
      for (const { id, name } of context.networks.values()) {
        if (isPredefined(name) && !given.has(id)) transaction.delete(context.networks, id);
      }
    });
    await takeUp(context);
    // One after the other: each may set the policy of the same chain.
    for (const network of context.networks.values()) await forward(context, network);
    return new NetworkService(context);
  }

  private constructor(context: NetworkContext) {
    this.#context = context;
    this.#watch = context.firewall.watch((error) => context.report("restoring the firewall's rules", error));
  }

  /** What this instance calls its things on the host. */
  get names(): NetworkNames {
    return this.#context.names;
  }

  /** "iptables" or "nftables". */
  get firewallName(): string {
    return this.#context.firewall.name;
  }

  list(filters: Filters = Filters.none): Network[] {
    return list(this.#context, filters);
  }

  /** @throws EngineError not-found */
  inspect(reference: string, { scope = "" }: { scope?: string } = {}): Network {
    // Every network of this engine is local; a search in another scope finds none.
    if (scope !== "" && scope !== "local") throw notFound(`network ${reference} not found`);
    return inspect(this.#context, findNetwork(this.#context, reference));
  }

  /** The record of a network. @throws EngineError not-found */
  find(reference: string): NetworkRecord {
    return findNetwork(this.#context, reference);
  }

  create(request: NetworkCreateRequest): Promise<NetworkCreateResponse> {
    return this.#changes.run("networks", () => create(this.#context, request));
  }

  remove(reference: string): Promise<void> {
    return this.#changes.run("networks", () => remove(this.#context, findNetwork(this.#context, reference)));
  }

  /** @param until the filter `until`, as nanoseconds since the epoch */
  prune(filters: Filters = Filters.none, until?: bigint): Promise<{ NetworksDeleted: string[] | null }> {
    return this.#changes.run("networks", () => prune(this.#context, filters, until));
  }

  /** Checks what a container asks for on a further network. @throws EngineError not-found, invalid-parameter */
  validate(reference: string, settings: EndpointSettings): void {
    validateEndpoint(findNetwork(this.#context, reference), settings);
  }

  /** Makes a container's network. @throws EngineError "failed to set up container networking: …" */
  attach(containerId: string, request: NetworkRequest): Promise<NewSandbox> {
    return attach(this.#context, containerId, request);
  }

  /** Takes it away; ports, addresses and names can be used again once it is fulfilled. */
  release(containerId: string): Promise<void> {
    return release(this.#context, containerId);
  }

  /** A container's network as it is now; undefined when it has none. */
  sandbox(containerId: string): Sandbox | undefined {
    const record = this.#context.sandboxes.get(containerId);
    return record === undefined ? undefined : sandboxView(this.#context, record);
  }

  /**
   * Gives a running container a further network. The new contents of its files are in the answer.
   * @throws EngineError not-found, forbidden, invalid-parameter
   */
  connect(containerId: string, reference: string, settings: EndpointSettings): Promise<Sandbox> {
    return connect(this.#context, this.#running(containerId), findNetwork(this.#context, reference), settings);
  }

  /** Takes a running container off a network. @throws EngineError not-found; system: it is not on it */
  disconnect(containerId: string, reference: string): Promise<Sandbox> {
    return disconnect(this.#context, this.#running(containerId), findNetwork(this.#context, reference));
  }

  /** Whether a connection from an address may be a container's. */
  mayBeContainer(address: string): boolean {
    return mayBeContainer(this.#context.networks.values(), address);
  }

  /** A running container has a new name: inspect and DNS follow. */
  rename(containerId: string, name: string): void {
    rename(this.#context, containerId, name);
  }

  /** After a start of the daemon: adopts the sandboxes of the containers that run, collects everything else. */
  restore(live: ReadonlySet<string>): Promise<void> {
    return restore(this.#context, live);
  }

  /** Lets go of sockets and timers; networks and sandboxes stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    await this.#context.sweeper[Symbol.asyncDispose]();
    await this.#context.patient[Symbol.asyncDispose]();
    await this.#context.connections[Symbol.asyncDispose]();
    await this.#context.dns[Symbol.asyncDispose]();
    this.#context.route.close();
  }

  #running(containerId: string): SandboxRecord {
    const record = this.#context.sandboxes.get(containerId);
    if (record === undefined) throw new EngineError("conflict", `Container ${containerId} is not running`);
    return record;
  }
}

const contextOf = (options: NetworkServiceOptions): NetworkContext => {
  const mark = markOf(options.instance);
  const report = options.report ?? (() => {});
  return {
    execRoot: options.execRoot,
    instance: options.instance,
    mark,
    names: options.names,
    clock: options.clock ?? systemClock(),
    database: options.database,
    networks: options.database.table<NetworkRecord>("networks"),
    settings: options.database.table<ForwardingRecord>("settings"),
    sandboxes: options.database.table<SandboxRecord>("endpoints"),
    firewall: options.firewall,
    report,
    route: new NetlinkSocket(NETLINK_ROUTE),
    patient: new NetlinkQueue(NETLINK_ROUTE),
    sweeper: new LinkSweeper(mark),
    connections: new ConnectionTracker((error) => report("forgetting tracked connections", error)),
    ports: new PortAllocator(ephemeralRange),
    addresses: new Map(),
    bridges: new Map(),
    dns: options.dns,
    hostIPv6: existsSync("/proc/net/if_inet6"),
  };
};

/** **Source:** ip_local_port_range in the kernel's ip-sysctl. */
const ephemeralRange = (): [number, number] => {
  const [low = 32768, high = 60999] = readSysctl(["net", "ipv4", "ip_local_port_range"]).split(/\s+/).map(Number);
  return [low, high];
};
