import type { NetworkContext } from "./context.ts";
import { networkEvent } from "./event.ts";
import type { EndpointRecord, SandboxRecord } from "./record.ts";
import { hasSpoken, silenceEndpoint, silenceEndpointNow } from "./sandbox/endpoint.ts";
import { unpin } from "./sandbox/namespace.ts";
import { forgetEndpoint } from "./sandbox/plan.ts";
import { firewallPorts } from "./sandbox/port-rules.ts";

/**
 * Takes a container's network away. When the promise is fulfilled its ports, addresses and names can be used again and
 * the record is gone; the links themselves follow within a second. A container without one is no error.
 */
export const release = async (context: NetworkContext, containerId: string): Promise<void> => {
  const record = context.sandboxes.get(containerId);
  if (record === undefined) return;
  const ports = firewallPorts(context, record);
  const spoken = record.ports.length > 0 || record.endpoints.some((endpoint) => hasSpoken(context.route, endpoint));
  await Promise.all(
    record.endpoints.map((endpoint) =>
      silenceEndpoint(context.patient, context.bridges.get(endpoint.networkId), endpoint),
    ),
  );
  for (const { hostInterface } of record.endpoints) context.sweeper.add(hostInterface);
  context.dns.stop(containerId);
  unpin(record.path);
  if (record.ownerUserNamespace !== null) unpin(record.ownerUserNamespace);
  if (ports.length > 0 || record.links.length > 0) await context.firewall.removePorts(ports, record.links);
  const addresses = record.endpoints.flatMap(addressesOf);
  // What a silent container was sent, unanswered and untranslated, does its successor no harm.
  if (spoken) context.connections.forgetAddresses(addresses);
  else context.connections.forgetSometime(addresses);
  context.database.lightTransaction((transaction) => {
    transaction.delete(context.sandboxes, containerId);
    for (const endpoint of record.endpoints)
      transaction.emit(networkEvent(context, "disconnect", endpoint, containerId));
  });
  forget(context, record);
};

/** Stops an endpoint at once, and lets its link go. */
export const silence = (context: NetworkContext, endpoint: EndpointRecord): void => {
  silenceEndpointNow(context.route, context.bridges.get(endpoint.networkId), endpoint);
  context.sweeper.add(endpoint.hostInterface);
};

export const addressesOf = ({ ipv4, ipv6 }: EndpointRecord): string[] =>
  [ipv4, ipv6].flatMap((one) => one?.address ?? []);

const forget = (context: NetworkContext, record: SandboxRecord): void => {
  context.ports.release(record.ports);
  for (const endpoint of record.endpoints) forgetEndpoint(context, endpoint);
};
