import { invalidParameter, notFound } from "../../base/errors.ts";
import type { NetworkContext } from "./context.ts";
import type { NetworkRecord } from "./record.ts";

/**
 * The network that a full id, a name or an unambiguous beginning of an id means.
 * @throws EngineError not-found "network x not found", invalid-parameter (ambiguous)
 */
export const findNetwork = (context: NetworkContext, reference: string): NetworkRecord => {
  const all = [...context.networks.values()];
  const exact = context.networks.get(reference) ?? all.find(({ name }) => name === reference);
  if (exact !== undefined) return exact;
  const matches = reference === "" ? [] : all.filter(({ id }) => id.startsWith(reference));
  if (matches.length > 1) {
    throw invalidParameter(`network ${reference} is ambiguous (${matches.length} matches found based on ID prefix)`);
  }
  if (matches[0] === undefined) throw notFound(`network ${reference} not found`);
  return matches[0];
};

/** The network of an endpoint that exists: networks with endpoints are not removed. */
export const networkOf = (context: NetworkContext, id: string): NetworkRecord => {
  const network = context.networks.get(id);
  if (network === undefined) throw notFound(`network ${id} not found`);
  return network;
};

const predefined = ["bridge", "host", "none", "default"];

export const isPredefined = (name: string): boolean => predefined.includes(name);

/** Only networks that users made have DNS, aliases and addresses of their choice. */
export const isUserDefined = (network: NetworkRecord): boolean => !isPredefined(network.name);
