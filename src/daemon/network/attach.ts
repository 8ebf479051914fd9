import { join } from "node:path";
import { EngineError, messageOf } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import type { EndpointSettings } from "../../wire/engine/network.ts";
import type { NetworkContext } from "./context.ts";
import { bridgeOptions } from "./driver/options.ts";
import { upstreamServers, usesDns } from "./file/container-files.ts";
import { findNetwork, networkOf } from "./find.ts";
import type { Reservation } from "./port/allocator.ts";
import { portRequests } from "./port/request.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "./record.ts";
import { addressesOf, release } from "./release.ts";
import type { NetworkRequest } from "./request.ts";
import { joinNetwork } from "./sandbox/join.ts";
import { gatewayEndpoint } from "./sandbox/gateway.ts";
import { linkTargets } from "./sandbox/link-targets.ts";
import { SandboxNamespace, unpin } from "./sandbox/namespace.ts";
import { forgetEndpoint, planEndpoint } from "./sandbox/plan.ts";
import { routeThrough, silenceEndpointNow } from "./sandbox/endpoint.ts";
import { firewallPorts, linkRules } from "./sandbox/port-rules.ts";
import { type NewSandbox, newSandbox } from "./sandbox/sandbox.ts";
import { networkEvent } from "./event.ts";
import { pinNamespace } from "../../linux/namespace/network.ts";

/**
 * Makes a container's network: namespace, interfaces, addresses, routes, ports, DNS. It works when the promise is
 * fulfilled; when it is rejected, nothing of it is left.
 *
 * All but the firewall's rules for published ports happens in one turn. The record is committed before the rules are
 * made, so that whatever a crash leaves behind is known to `restore`.
 *
 * @throws EngineError in Docker's words, with the kind of its cause.
 */
export const attach = async (
  context: NetworkContext,
  containerId: string,
  request: NetworkRequest,
): Promise<NewSandbox> => {
  if (context.sandboxes.has(containerId)) await release(context, containerId);
  let made: { record: SandboxRecord; reservation: Reservation };
  try {
    made = build(context, containerId, request);
  } catch (error) {
    throw translated(error);
  }
  const sandbox = newSandbox(context, made.record, made.reservation);
  try {
    await putInForce(context, made.record);
    return sandbox;
  } catch (error) {
    sandbox.closeFds();
    await release(context, containerId);
    throw translated(error);
  }
};

/** Everything that is done within one turn. @throws whatever failed; nothing is left then. */
const build = (
  context: NetworkContext,
  containerId: string,
  request: NetworkRequest,
): { record: SandboxRecord; reservation: Reservation } => {
  using undo = new DisposableStack();
  const wanted = networksOf(context, request);
  const id = newId();
  const path = join(context.execRoot, "netns", id.slice(0, 12));
  const files = {
    dns: request.dns,
    dnsSearch: request.dnsSearch,
    dnsOptions: request.dnsOptions,
    extraHosts: request.extraHosts,
    links: request.links,
  };
  const { containerName, hostname, domainname } = request;
  const endpoints: EndpointRecord[] = [];
  for (const { network, settings, macAddress } of wanted) {
    const interfaces = endpoints.map((endpoint) => endpoint.interface);
    const plan = { network, settings, containerId, containerName, hostname, interfaces };
    const endpoint = planEndpoint(context, { ...plan, ...(macAddress === undefined ? {} : { macAddress }) });
    endpoints.push({ ...endpoint, links: linkTargets(network, settings) });
    undo.defer(() => forgetEndpoint(context, endpoint));
  }
  const reservation = reserve(context, request, endpoints, undo);
  const ownerUserNamespace = request.namespaces === undefined ? null : `${path}-user`;
  if (request.namespaces !== undefined && ownerUserNamespace !== null) {
    pinNamespace(request.namespaces.user, ownerUserNamespace);
    undo.defer(() => unpin(ownerUserNamespace));
  }
  undo.defer(() => unpin(path));
  using namespace = SandboxNamespace.create(path, request.namespaces?.network);
  for (const endpoint of endpoints) {
    undo.defer(() => {
      silenceEndpointNow(context.route, undefined, endpoint);
      context.sweeper.add(endpoint.hostInterface);
    });
    joinNetwork(context, namespace, endpoint);
  }
  const gateway = gatewayEndpoint(endpoints);
  if (gateway !== undefined) routeThrough(namespace, gateway);
  const record: SandboxRecord = {
    id,
    containerId,
    containerName,
    hostname,
    domainname,
    path,
    ownerUserNamespace,
    endpoints,
    ports: reservation.ports,
    files,
    links: linkRules(context, { endpoints, files }),
    upstream: usesDns({ endpoints }) ? upstreamServers(files) : [],
  };
  context.database.lightTransaction((transaction) => {
    transaction.put(context.sandboxes, containerId, record);
    for (const endpoint of endpoints) transaction.emit(networkEvent(context, "connect", endpoint, containerId));
  });
  undo.move();
  return { record, reservation };
};

const putInForce = async (context: NetworkContext, record: SandboxRecord): Promise<void> => {
  const ports = firewallPorts(context, record);
  if (ports.length > 0 || record.links.length > 0) await context.firewall.addPorts(ports, record.links);
  await context.connections.forgetFlows(record.ports);
  await context.connections.settled(record.endpoints.flatMap(addressesOf));
  if (usesDns(record)) {
    using namespace = SandboxNamespace.open(record.path);
    await context.dns.serve(record, namespace);
  }
};

const networksOf = (
  context: NetworkContext,
  request: NetworkRequest,
): { network: NetworkRecord; settings: EndpointSettings; macAddress?: string }[] => {
  const entries = Object.entries(request.endpoints);
  return entries.map(([reference, settings], index) => {
    const network = findNetwork(context, settings?.NetworkID || reference);
    // The container's own --mac-address is for its first network.
    const macAddress = index === 0 ? request.macAddress : undefined;
    return { network, settings: settings ?? {}, ...(macAddress === undefined ? {} : { macAddress }) };
  });
};

const reserve = (
  context: NetworkContext,
  request: NetworkRequest,
  endpoints: readonly EndpointRecord[],
  undo: DisposableStack,
): Reservation => {
  const endpoint = gatewayEndpoint(endpoints);
  if (endpoint === undefined) return { ports: [], holdFds: [], relays: [] };
  const options = bridgeOptions(networkOf(context, endpoint.networkId));
  const requests = portRequests(request.portBindings, request.exposedPorts, request.publishAll, {
    ipv4: options.hostBindingIPv4,
    ipv6: context.hostIPv6,
  });
  try {
    const reservation = context.ports.reserve(requests, {
      networkId: endpoint.networkId,
      bridge: options.bridge,
      ...(endpoint.ipv4 === undefined ? {} : { ipv4: endpoint.ipv4.address }),
      ...(endpoint.ipv6 === undefined ? {} : { ipv6: endpoint.ipv6.address }),
    });
    undo.defer(() => context.ports.abandon(reservation));
    return reservation;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(
      error.kind,
      `driver failed programming external connectivity on endpoint ${request.containerName} (${endpoint.id}): ${error.message}`,
      { cause: error },
    );
  }
};

const translated = (error: unknown): EngineError =>
  new EngineError(
    error instanceof EngineError ? error.kind : "system",
    `failed to set up container networking: ${messageOf(error)}`,
    { cause: error },
  );
