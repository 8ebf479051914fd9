import type { Clock } from "../../base/clock.ts";
import type { NetlinkQueue } from "../../linux/netlink/queue.ts";
import type { NetlinkSocket } from "../../linux/netlink/socket.ts";
import type { Database } from "../state/database.ts";
import type { Table } from "../state/table.ts";
import type { ForwardingRecord } from "./driver/forwarding.ts";
import type { Dns } from "./dns/dns.ts";
import type { Firewall } from "./firewall/firewall.ts";
import type { Addresses } from "./ipam/addresses.ts";
import type { NetworkNames } from "./names.ts";
import type { PortAllocator } from "./port/allocator.ts";
import type { NetworkRecord, SandboxRecord } from "./record.ts";
import type { ConnectionTracker } from "./sandbox/connections.ts";
import type { LinkSweeper } from "./sandbox/sweeper.ts";

/** What the verbs of the network work with. One for each service; nothing outside this folder sees it. */
export interface NetworkContext {
  execRoot: string;
  instance: string;
  /** "berth:<instance>": on every link and rule. */
  mark: string;
  names: NetworkNames;
  clock: Clock;
  database: Database;
  networks: Table<NetworkRecord>;
  /** By container id. */
  sandboxes: Table<SandboxRecord>;
  settings: Table<ForwardingRecord>;
  firewall: Firewall;
  /** Tells the daemon's log of what failed where nobody waits for it. */
  report: (message: string, error: unknown) => void;
  /** Routing netlink of the daemon's namespace. */
  route: NetlinkSocket;
  /** The same beside the event loop: for changes that make the kernel wait. */
  patient: NetlinkQueue;
  sweeper: LinkSweeper;
  connections: ConnectionTracker;
  ports: PortAllocator;
  /** By network id. */
  addresses: Map<string, Addresses>;
  /** Index of the bridge, by network id. */
  bridges: Map<string, number>;
  dns: Dns;
  /** The host has IPv6: ports without a host address are published on [::] too. */
  hostIPv6: boolean;
}
