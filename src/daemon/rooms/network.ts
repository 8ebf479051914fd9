import type { Clock } from "../../base/clock.ts";
import { messageOf, notImplemented } from "../../base/errors.ts";
import type { Log } from "../../base/logger.ts";
import { startPool } from "../../linux/namespace/pool.ts";
import type { EngineConfig } from "../config/config.ts";
import { openNetworks } from "../network/open.ts";
import type { NetworkService } from "../network/service.ts";
import type { Database } from "../state/database.ts";

const instanceLength = 12;

/** @param id the engine's id: what tells its links and rules from another's */
export const openNetwork = async (
  config: EngineConfig,
  database: Database,
  clock: Clock,
  id: string,
  log: Log,
): Promise<NetworkService> => {
  const { network, execRoot, claimDockerNames } = config;
  if (!network.iptables) throw notImplemented("an engine without a firewall (--iptables=false)");
  await startPool();
  return openNetworks({
    execRoot,
    instance: id.replaceAll("-", "").slice(0, instanceLength),
    database,
    claimDockerNames,
    ...(network.firewallBackend === "" ? {} : { firewallBackend: network.firewallBackend }),
    ...(network.addressPools.length === 0
      ? {}
      : { pools: network.addressPools.map(({ base, size }) => ({ base, prefixLength: size })) }),
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
    report: (message, error) => log("warn", message, { error: messageOf(error) }),
  });
};
