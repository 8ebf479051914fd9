import { existsSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import { notImplemented } from "../../base/errors.ts";
import type { EngineConfig } from "../config/config.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../linux/netlink/socket.ts";
import { DnsWorker } from "../network/dns/dns-worker.ts";
import { iptablesCommand } from "../network/firewall/iptables/command.ts";
import { IptablesFirewall } from "../network/firewall/iptables/backend.ts";
import type { Firewall } from "../network/firewall/firewall.ts";
import { markOf, type NetworkNames } from "../network/names.ts";
import { NetworkService } from "../network/service.ts";
import { SandboxNamespace } from "../network/sandbox/namespace.ts";
import { networkNames } from "../network/traces.ts";
import type { Database } from "../state/database.ts";

export interface NetworkRoom extends AsyncDisposable {
  networks: NetworkService;
  names: NetworkNames;
  firewall: Firewall;
}

const instanceLength = 12;

/** @param id the engine's id: what tells its links and rules from another's */
export const openNetwork = async (
  config: EngineConfig,
  database: Database,
  clock: Clock,
  id: string,
): Promise<NetworkRoom> => {
  const instance = id.replaceAll("-", "").slice(0, instanceLength);
  const names = await chosenNames(config, database, instance);
  const firewall = openFirewall(config, names, instance);
  const { network } = config;
  const dns = new DnsWorker((path) => SandboxNamespace.open(path));
  const networks = await NetworkService.open({
    execRoot: config.execRoot,
    instance,
    names,
    database,
    firewall,
    dns,
    bridge: {
      ...(network.bip === "" ? {} : { address: network.bip }),
      ...(network.fixedCidr === "" ? {} : { range: network.fixedCidr }),
      ...(network.mtu > 0 ? { mtu: network.mtu } : {}),
      icc: network.icc,
      masquerade: network.ipMasq,
      ...(network.publishAddress === "" ? {} : { hostBinding: network.publishAddress }),
      ...(network.bridge === "" ? {} : { name: network.bridge }),
    },
    clock,
  });
  return {
    networks,
    names,
    firewall,
    [Symbol.asyncDispose]: async () => {
      await networks[Symbol.asyncDispose]();
      await dns[Symbol.asyncDispose]();
    },
  };
};

/** Decided once for a data root, and stored: names that changed would leave their old selves behind. */
const chosenNames = async (config: EngineConfig, database: Database, instance: string): Promise<NetworkNames> => {
  using route = new NetlinkSocket(NETLINK_ROUTE);
  const savedRules = config.network.iptables ? await iptablesCommand(4).save() : "";
  const names = networkNames(database, { instance, route, savedRules }, config.claimDockerNames);
  const { addressPools } = config.network;
  if (addressPools.length === 0) return names;
  return { ...names, pools: addressPools.map(({ base, size }) => ({ base, prefixLength: size })) };
};

const openFirewall = (config: EngineConfig, names: NetworkNames, instance: string): Firewall => {
  if (!config.network.iptables) throw notImplemented("an engine without a firewall (--iptables=false)");
  const ipv6 = config.network.ip6tables && existsSync("/proc/net/if_inet6");
  const style = { prefix: names.chainPrefix, mark: markOf(instance) };
  return new IptablesFirewall(style, iptablesCommand(4), ipv6 ? iptablesCommand(6) : null);
};
