import { existsSync, readdirSync } from "node:fs";
import { systemError } from "../../base/errors.ts";
import { findBinary } from "../../linux/process/find-binary.ts";
import { listLinks } from "../../linux/netlink/link.ts";
import type { NetlinkSocket } from "../../linux/netlink/socket.ts";
import type { Database } from "../state/database.ts";
import { takeBridge } from "./driver/bridge.ts";
import { parseSaved } from "./firewall/iptables/saved.ts";
import { type HostTraces, type NetworkNames, berthNumber, decideNames, markOf } from "./names.ts";

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

/** Looks for what other engines are, or have left, on this host. */
export const findTraces = ({ instance, route, savedRules }: TraceSources): HostTraces => {
  const mark = markOf(instance);
  const foreignLinks = listLinks(route)
    .filter(({ alias }) => alias !== mark)
    .map(({ name }) => name);
  const foreignChains = chainsOfOthers(savedRules, mark);
  return {
    engineInstalled: findBinary("dockerd") !== null || unitDirectories.some(hasUnit),
    foreignBridge: foreignLinks.includes("docker0"),
    foreignChains: foreignChains.includes("DOCKER"),
    berths: new Set([...foreignLinks, ...foreignChains].flatMap((name) => berthNumber(name) ?? [])),
  };
};

/** Chains with none of our rules in them or behind them, by the names that they have themselves or begin with. */
const chainsOfOthers = (savedRules: string, mark: string): string[] => {
  const { chains, own } = parseSaved(savedRules, mark);
  const ours = new Set(own.flatMap(({ line }) => line.split(" ")).map((word) => word.split("-")[0]));
  return [...chains.filter, ...chains.nat].filter((chain) => !ours.has(chain));
};

export interface NameOptions {
  /** `--claim-docker-names`; it matters only at the first start. */
  claimDockerNames: boolean;
  /** The MTU of the default bridge; null when the configuration names another, or none. */
  bridgeMtu: number | null;
}

/** The names of this instance: as stored, or decided now and stored for good. @throws EngineError, SystemError */
export const networkNames = (database: Database, sources: TraceSources, options: NameOptions): NetworkNames => {
  const settings = database.table<NetworkNames>("settings");
  const stored = settings.get("network-names");
  if (stored !== undefined) return stored;
  const names = takeNames(sources, options);
  database.transaction((transaction) => transaction.put(settings, "network-names", names));
  return names;
};

/** More engines than start for the first time at the same moment. */
const maxTries = 100;

/** An engine that starts at this moment may decide the same: whoever makes the bridge has the names. */
const takeNames = (sources: TraceSources, { claimDockerNames, bridgeMtu }: NameOptions): NetworkNames => {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const names = decideNames(findTraces(sources), claimDockerNames);
    if (claimDockerNames || bridgeMtu === null) return names;
    if (takeBridge(sources.route, { name: names.bridge, mtu: bridgeMtu, instance: sources.instance })) return names;
  }
  throw systemError("failed to find a free name for the default bridge");
};

const hasUnit = (directory: string): boolean =>
  existsSync(directory) && readdirSync(directory).some((name) => engineUnits.test(name));
