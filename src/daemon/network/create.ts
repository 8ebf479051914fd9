import { rfc3339Nano } from "../../base/clock.ts";
import { conflict, forbidden, invalidParameter, notFound } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import type { NetworkCreateRequest, NetworkCreateResponse } from "../../wire/engine/network.ts";
import { establish } from "./driver/establish.ts";
import { bridgeRemoval } from "./driver/bridge.ts";
import { bridgeOptions, firewallNetwork } from "./driver/options.ts";
import type { NetworkContext } from "./context.ts";
import { findNetwork, isPredefined } from "./find.ts";
import { chooseConfig } from "./ipam/choose.ts";
import { validateIpam } from "./ipam/validate.ts";
import type { NetworkRecord } from "./record.ts";

/**
 * Creates a network.
 * @throws EngineError in Docker's words: forbidden (predefined name, overlapping pool, bridge in use), conflict (name),
 *   invalid-parameter, not-found (plugin).
 * **Source:** Engine API, NetworkCreate.
 */
export const create = async (
  context: NetworkContext,
  request: NetworkCreateRequest,
): Promise<NetworkCreateResponse> => {
  const record = planned(context, request);
  await build(context, record);
  return { Id: record.id, Warning: "" };
};

/**
 * Makes what a network consists of and records it; with an error nothing is left. A crash in between leaves a bridge and
 * rules with our mark and no record: `restore` collects them.
 */
export const build = async (context: NetworkContext, record: NetworkRecord): Promise<void> => {
  try {
    await establish(context, record);
    context.database.transaction((transaction) => {
      transaction.put(context.networks, record.id, record);
      transaction.emit({
        Type: "network",
        Action: "create",
        Actor: { ID: record.id, Attributes: { name: record.name, type: record.driver } },
        scope: "local",
      });
    });
  } catch (error) {
    await demolish(context, record);
    throw error;
  }
};

/** Takes away what a network consists of. */
export const demolish = async (context: NetworkContext, record: NetworkRecord): Promise<void> => {
  context.addresses.delete(record.id);
  context.bridges.delete(record.id);
  if (record.driver !== "bridge") return;
  await context.sweeper.remove(() => bridgeRemoval(context.route, record, context.mark));
  await context.firewall.removeNetwork(firewallNetwork(record));
};

const planned = (context: NetworkContext, request: NetworkCreateRequest): NetworkRecord => {
  const name = request.Name ?? "";
  if (name.trim() === "") throw invalidParameter("invalid name: name is empty");
  if (isPredefined(name)) throw forbidden(`operation is not permitted on predefined ${name} network `);
  if ([...context.networks.values()].some((network) => network.name === name)) {
    throw conflict(`network with name ${name} already exists`);
  }
  if (request.ConfigOnly === true) return configOnly(context, name, request);
  const from = request.ConfigFrom?.Network ?? "";
  if (from !== "") return { ...planned(context, configured(context, request, from)), configFrom: from };
  requireBridge(request);
  const [enableIPv4, enableIPv6] = [request.EnableIPv4 ?? true, request.EnableIPv6 ?? false];
  if (!enableIPv4 && !enableIPv6) throw invalidParameter("IPv4 or IPv6 must be enabled");
  validateIpam(request.IPAM, enableIPv6);
  const id = newId();
  const internal = request.Internal ?? false;
  const options = { ...request.Options };
  requireFreeBridge(context, bridgeOptions({ id, options, internal }).bridge, id);
  return {
    id,
    name,
    created: rfc3339Nano(context.clock.nowNs()),
    driver: "bridge",
    enableIPv4,
    enableIPv6,
    internal,
    attachable: request.Attachable ?? false,
    ipam: {
      driver: request.IPAM?.Driver || "default",
      options: request.IPAM?.Options ?? null,
      config: chooseConfig(context, { config: request.IPAM?.Config ?? [], enableIPv4, enableIPv6 }),
    },
    userSubnets: (request.IPAM?.Config ?? []).length > 0,
    options,
    labels: { ...request.Labels },
    ...(request.Scope ? { scope: request.Scope } : {}),
  };
};

/** A network that only keeps settings for others (`--config-only`); nothing can be connected to it. */
const configOnly = (context: NetworkContext, name: string, request: NetworkCreateRequest): NetworkRecord => ({
  id: newId(),
  name,
  created: rfc3339Nano(context.clock.nowNs()),
  driver: "null",
  enableIPv4: request.EnableIPv4 ?? true,
  enableIPv6: request.EnableIPv6 ?? false,
  internal: request.Internal ?? false,
  attachable: request.Attachable ?? false,
  ipam: {
    driver: request.IPAM?.Driver || "default",
    options: request.IPAM?.Options ?? null,
    config: request.IPAM?.Config ?? null,
  },
  userSubnets: (request.IPAM?.Config ?? []).length > 0,
  options: { ...request.Options },
  labels: { ...request.Labels },
  configOnly: true,
});

/** A request with the settings of the network that it takes them from. @throws EngineError not-found, forbidden */
const configured = (context: NetworkContext, request: NetworkCreateRequest, from: string): NetworkCreateRequest => {
  const source = findNetwork(context, from);
  if (!source.configOnly) throw forbidden(`network ${from} is not a configuration network`);
  const own = [...Object.keys(request.Options ?? {}), ...(request.IPAM?.Config ?? [])];
  if (own.length > 0) {
    throw forbidden("user supplied configurations are not supported if the network depends on a configuration network");
  }
  return {
    ...request,
    ConfigFrom: { Network: "" },
    EnableIPv4: source.enableIPv4,
    EnableIPv6: source.enableIPv6,
    Internal: source.internal,
    IPAM: { Driver: source.ipam.driver, Options: source.ipam.options, Config: source.ipam.config },
    Options: source.options,
    Labels: { ...source.labels, ...request.Labels },
  };
};

const requireBridge = (request: NetworkCreateRequest): void => {
  const driver = request.Driver || "bridge";
  if (driver === "host" || driver === "null") throw forbidden(`only one instance of "${driver}" network is allowed`);
  if (request.Ingress === true) throw forbidden("Ingress network can only be global scope network");
  if (driver === "overlay" || request.Scope === "swarm") {
    throw forbidden(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  }
  if (driver !== "bridge") throw notFound(`plugin "${driver}" not found`);
  const ipam = request.IPAM?.Driver || "default";
  if (ipam !== "default") throw notFound(`plugin "${ipam}" not found`);
};

const requireFreeBridge = (context: NetworkContext, bridge: string, id: string): void => {
  const other = [...context.networks.values()].find(
    (network) => network.driver === "bridge" && bridgeOptions(network).bridge === bridge,
  );
  if (other !== undefined) {
    throw forbidden(
      `cannot create network ${id} (${bridge}): conflicts with network ${other.id} (${bridge}): networks have same bridge name`,
    );
  }
};
