import type { Clock } from "../../base/clock.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../linux/netlink/socket.ts";
import type { Database } from "../state/database.ts";
import { DnsWorker } from "./dns/dns-worker.ts";
import { defaultMtu } from "./driver/options.ts";
import { type FirewallBackend, openFirewall, savedRules } from "./firewall/open.ts";
import type { AddressPool } from "./names.ts";
import type { DefaultBridge } from "./predefined.ts";
import { NetworkService } from "./service.ts";
import { networkNames } from "./traces.ts";

export interface NetworkOptions {
  execRoot: string;
  /** Letters and digits: what tells this instance's links and rules from another's. */
  instance: string;
  database: Database;
  /** `--claim-docker-names`; it matters at the first start on a data root only. */
  claimDockerNames: boolean;
  /** `firewall-backend` */
  firewallBackend?: FirewallBackend;
  /** `default-address-pools`; the names' own when absent. */
  pools?: AddressPool[];
  bridge?: DefaultBridge;
  clock?: Clock;
  report?: (message: string, error: unknown) => void;
}

/**
 * The network service as the daemon runs it: names decided or remembered, firewall and DNS of this host. libuv's thread
 * pool must have been started (`startPool`).
 * @throws EngineError, SystemError
 */
export const openNetworks = async (options: NetworkOptions): Promise<NetworkService> => {
  const { execRoot, instance, database, claimDockerNames, bridge, clock, report } = options;
  using route = new NetlinkSocket(NETLINK_ROUTE);
  const decided = networkNames(
    database,
    { instance, route, savedRules: await savedRules() },
    { claimDockerNames, bridgeMtu: bridge?.name === undefined ? (bridge?.mtu ?? defaultMtu) : null },
  );
  const names = options.pools === undefined ? decided : { ...decided, pools: options.pools };
  return NetworkService.open({
    execRoot,
    instance,
    names,
    database,
    firewall: openFirewall(options.firewallBackend ?? "", names, instance),
    dns: new DnsWorker(),
    ...(bridge === undefined ? {} : { bridge }),
    ...(clock === undefined ? {} : { clock }),
    ...(report === undefined ? {} : { report }),
  });
};
