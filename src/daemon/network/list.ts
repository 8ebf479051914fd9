import { EngineError, invalidParameter } from "../../base/errors.ts";
import type { Filters } from "../../base/filters.ts";
import type { Network, NetworkContainer } from "../../wire/engine/network.ts";
import type { NetworkContext } from "./context.ts";
import { isPredefined } from "./find.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "./record.ts";

const filterKeys = ["dangling", "driver", "id", "label", "name", "scope", "type"];

/**
 * The networks that pass the filters, oldest first, without their containers.
 * @throws EngineError invalid-parameter
 * **Source:** Engine API, NetworkList.
 */
export const list = (context: NetworkContext, filters: Filters): Network[] => {
  filters.requireKeys(filterKeys);
  const dangling = danglingFlag(filters);
  for (const value of filters.get("type")) {
    if (value !== "custom" && value !== "builtin") throw new EngineError("system", `invalid filter: 'type'='${value}'`);
  }
  return [...context.networks.values()]
    .filter(
      (network) =>
        filters.any("driver", (value) => network.driver === value) &&
        filters.any("id", (value) => network.id.startsWith(value)) &&
        filters.any("name", (value) => network.name.includes(value)) &&
        filters.any("scope", (value) => value === (network.scope ?? "local")) &&
        filters.any("type", (value) => isPredefined(network.name) === (value === "builtin")) &&
        filters.matchLabels(network.labels) &&
        (dangling === undefined || isDangling(context, network) === dangling),
    )
    .toSorted((a, b) => (instant(a.created) < instant(b.created) ? -1 : 1))
    .map(describe);
};

/** A time that can be compared as text: Go leaves the zeros at the end of a fraction out. */
const instant = (created: string): string => {
  const [seconds = "", fraction = ""] = created.slice(0, -1).split(".");
  return `${seconds}.${fraction.padEnd(9, "0")}`;
};

const danglingFlag = (filters: Filters): boolean | undefined => {
  if (!filters.has("dangling")) return undefined;
  try {
    return filters.flag("dangling", false);
  } catch {
    throw invalidParameter(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
  }
};

/** The endpoints on a network, with their sandboxes. */
export const endpointsOn = (
  context: NetworkContext,
  network: NetworkRecord,
): { sandbox: SandboxRecord; endpoint: EndpointRecord }[] =>
  [...context.sandboxes.values()].flatMap((sandbox) =>
    sandbox.endpoints.filter(({ networkId }) => networkId === network.id).map((endpoint) => ({ sandbox, endpoint })),
  );

const isDangling = (context: NetworkContext, network: NetworkRecord): boolean =>
  !isPredefined(network.name) && endpointsOn(context, network).length === 0;

/** A network in the Engine API's words, without its containers. */
export const describe = (network: NetworkRecord): Network => ({
  Name: network.name,
  Id: network.id,
  Created: network.created,
  Scope: network.scope ?? "local",
  Driver: network.driver,
  EnableIPv4: network.enableIPv4,
  EnableIPv6: network.enableIPv6,
  IPAM: { Driver: network.ipam.driver, Options: network.ipam.options, Config: network.ipam.config },
  Internal: network.internal,
  Attachable: network.attachable,
  Ingress: false,
  ConfigFrom: { Network: network.configFrom ?? "" },
  ConfigOnly: network.configOnly ?? false,
  Containers: {},
  Options: network.options,
  Labels: network.labels,
});

/** A network with its containers. **Source:** Engine API, NetworkInspect. */
export const inspect = (context: NetworkContext, network: NetworkRecord): Network => ({
  ...describe(network),
  Containers: Object.fromEntries(
    endpointsOn(context, network).map(({ sandbox, endpoint }) => [sandbox.containerId, member(sandbox, endpoint)]),
  ),
});

const member = (sandbox: SandboxRecord, endpoint: EndpointRecord): NetworkContainer => {
  const withPrefix = (address: EndpointRecord["ipv4"]): string =>
    address === undefined ? "" : `${address.address}/${address.prefixLength}`;
  return {
    Name: sandbox.containerName,
    EndpointID: endpoint.id,
    MacAddress: endpoint.macAddress,
    IPv4Address: withPrefix(endpoint.ipv4),
    IPv6Address: withPrefix(endpoint.ipv6),
  };
};
