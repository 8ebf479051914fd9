import { existsSync, readdirSync } from "node:fs";
import { findBinary } from "../../linux/process/find-binary.ts";
import { isCode } from "../../linux/error.ts";
import { getLink } from "../../linux/netlink/link.ts";
import type { NetlinkSocket } from "../../linux/netlink/socket.ts";
import type { Database } from "../state/database.ts";
import { parseSaved } from "./firewall/iptables/saved.ts";
import { type HostTraces, type NetworkNames, decideNames, markOf } from "./names.ts";

const unitDirectories = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];
const engineUnits = /^(docker|snap\.docker\.dockerd)\.(service|socket)$/;

export interface TraceSources {
  instance: string;
  route: NetlinkSocket;
  /** The output of `iptables-save`; "" where it cannot be had. */
  savedRules: string;
}

/** Looks for what another engine is, or has left, on this host. */
export const findTraces = ({ instance, route, savedRules }: TraceSources): HostTraces => {
  const saved = parseSaved(savedRules, markOf(instance));
  const hasChain = (["filter", "nat"] as const).some((table) => saved.chains[table].has("DOCKER"));
  const ownRule = saved.own.some(({ line }) => / DOCKER(?:-[A-Z0-9-]+)? /.test(line));
  return {
    engineInstalled: findBinary("dockerd") !== null || unitDirectories.some(hasUnit),
    foreignBridge: bridgeAlias(route, "docker0") !== null && bridgeAlias(route, "docker0") !== markOf(instance),
    foreignChains: hasChain && !ownRule,
  };
};

/**
 * The names of this instance: as stored, or decided now and stored for good.
 * @param claimDockerNames `--claim-docker-names`; it matters only at the first start
 */
export const networkNames = (database: Database, sources: TraceSources, claimDockerNames: boolean): NetworkNames => {
  const settings = database.table<NetworkNames>("settings");
  const stored = settings.get("network-names");
  if (stored !== undefined) return stored;
  const names = decideNames(findTraces(sources), claimDockerNames);
  database.transaction((transaction) => transaction.put(settings, "network-names", names));
  return names;
};

const hasUnit = (directory: string): boolean =>
  existsSync(directory) && readdirSync(directory).some((name) => engineUnits.test(name));

const bridgeAlias = (route: NetlinkSocket, name: string): string | null => {
  try {
    return getLink(route, { name }).alias;
  } catch (error) {
    if (isCode(error, "ENODEV")) return null;
    throw error;
  }
};
