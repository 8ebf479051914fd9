import { forbidden, invalidParameter } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import type { Filters } from "../../base/filters.ts";
import type { NetworkContext } from "./context.ts";
import { demolish } from "./create.ts";
import { isPredefined } from "./find.ts";
import { endpointsOn } from "./list.ts";
import type { NetworkRecord } from "./record.ts";

/**
 * Removes a network that nobody is on.
 * @throws EngineError forbidden: predefined, or it has active endpoints
 * **Source:** Engine API, NetworkDelete.
 */
export const remove = async (context: NetworkContext, network: NetworkRecord): Promise<void> => {
  if (isPredefined(network.name)) {
    throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
  }
  const active = endpointsOn(context, network);
  if (active.length > 0) {
    const names = active
      .map(({ sandbox, endpoint }) => `name:"${sandbox.containerName}" id:"${shortId(endpoint.id)}"`)
      .join(", ");
    throw forbidden(`error while removing network: network ${network.name} has active endpoints (${names})`);
  }
  const follower = [...context.networks.values()].find(({ configFrom }) => configFrom === network.name);
  if (network.configOnly && follower) {
    throw forbidden(`configuration network ${network.name} is in use by network ${follower.name}`);
  }
  context.database.transaction((transaction) => {
    transaction.delete(context.networks, network.id);
    transaction.emit({
      Type: "network",
      Action: "destroy",
      Actor: { ID: network.id, Attributes: { name: network.name, type: network.driver } },
      scope: "local",
    });
  });
  await demolish(context, network);
};

/**
 * Removes the networks that users made and nobody is on.
 * @param until nanoseconds since the epoch: only networks created before; from the filter `until`.
 * **Source:** Engine API, NetworkPrune.
 */
export const prune = async (
  context: NetworkContext,
  filters: Filters,
  until?: bigint,
): Promise<{ NetworksDeleted: string[] | null }> => {
  filters.requireKeys(["label", "label!", "until"]);
  if (filters.get("until").length > 1) throw invalidParameter("more than one until filter specified");
  const deleted: string[] = [];
  for (const network of context.networks.values()) {
    if (isPredefined(network.name) || network.configOnly || endpointsOn(context, network).length > 0) continue;
    if (!filters.matchLabels(network.labels)) continue;
    if (until !== undefined && BigInt(Date.parse(network.created)) * 1_000_000n >= until) continue;
    // oxlint-disable-next-line no-await-in-loop -- one after another: each rewrites the same firewall
    await remove(context, network);
    deleted.push(network.name);
  }
  context.database.emit({
    Type: "network",
    Action: "prune",
    Actor: { ID: "", Attributes: { reclaimed: "0" } },
    scope: "local",
  });
  return { NetworksDeleted: deleted.length > 0 ? deleted : null };
};
