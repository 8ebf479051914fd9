import { EngineError, forbidden, messageOf } from "../../base/errors.ts";
import type { EndpointSettings } from "../../wire/engine/network.ts";
import type { NetworkContext } from "./context.ts";
import { networkEvent } from "./event.ts";
import { upstreamServers, usesDns } from "./file/container-files.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "./record.ts";
import { addressesOf, silence } from "./release.ts";
import { routeThrough } from "./sandbox/endpoint.ts";
import { gatewayEndpoint } from "./sandbox/gateway.ts";
import { joinNetwork } from "./sandbox/join.ts";
import { linkTargets } from "./sandbox/link-targets.ts";
import { SandboxNamespace } from "./sandbox/namespace.ts";
import { forgetEndpoint, planEndpoint } from "./sandbox/plan.ts";
import { firewallPorts } from "./sandbox/port-rules.ts";
import { type Sandbox, sandboxView } from "./sandbox/sandbox.ts";
import { validateEndpoint } from "./validate.ts";

/**
 * Gives a running container a further network: the interface appears in it at once.
 * @throws EngineError forbidden "endpoint with name c already exists in network n"; invalid-parameter
 */
export const connect = async (
  context: NetworkContext,
  sandbox: SandboxRecord,
  network: NetworkRecord,
  settings: EndpointSettings,
): Promise<Sandbox> => {
  validateEndpoint(network, settings);
  if (sandbox.endpoints.some(({ networkId }) => networkId === network.id)) {
    throw forbidden(`endpoint with name ${sandbox.containerName} already exists in network ${network.name}`);
  }
  using undo = new DisposableStack();
  const { containerId, containerName, hostname } = sandbox;
  const interfaces = sandbox.endpoints.map((endpoint) => endpoint.interface);
  const plan = { network, settings, containerId, containerName, hostname, interfaces };
  const endpoint = { ...planEndpoint(context, plan), links: linkTargets(network, settings) };
  undo.defer(() => forgetEndpoint(context, endpoint));
  using namespace = SandboxNamespace.open(sandbox.path);
  undo.defer(() => silence(context, endpoint));
  joinNetwork(context, namespace, endpoint);
  const record = withEndpoints(sandbox, [...sandbox.endpoints, endpoint]);
  reroute(namespace, record);
  commit(context, record, "connect", endpoint);
  undo.move();
  await context.connections.settled(addressesOf(endpoint));
  if (usesDns(sandbox)) context.dns.update(record);
  else if (usesDns(record)) await context.dns.serve(record, namespace);
  return sandboxView(context, record);
};

/**
 * Takes a running container off a network: the interface is gone at once.
 * @throws EngineError system "container x is not connected to network n"
 */
export const disconnect = async (
  context: NetworkContext,
  sandbox: SandboxRecord,
  network: NetworkRecord,
): Promise<Sandbox> => {
  const endpoint = sandbox.endpoints.find(({ networkId }) => networkId === network.id);
  if (endpoint === undefined) {
    throw new EngineError("system", `container ${sandbox.containerId} is not connected to network ${network.name}`);
  }
  const gone = firewallPorts(context, sandbox).filter((_, index) => sandbox.ports[index]?.networkId === network.id);
  silence(context, endpoint);
  await context.sweeper.flush();
  if (gone.length > 0) await context.firewall.removePorts(gone, []);
  context.connections.forgetAddresses(addressesOf(endpoint));
  const record = withEndpoints(
    { ...sandbox, ports: sandbox.ports.filter(({ networkId }) => networkId !== network.id) },
    sandbox.endpoints.filter((other) => other !== endpoint),
  );
  using namespace = SandboxNamespace.open(sandbox.path);
  reroute(namespace, record);
  commit(context, record, "disconnect", endpoint);
  context.ports.release(sandbox.ports.filter(({ networkId }) => networkId === network.id));
  forgetEndpoint(context, endpoint);
  if (usesDns(record)) context.dns.update(record);
  else context.dns.stop(sandbox.containerId);
  return sandboxView(context, record);
};

const withEndpoints = (sandbox: SandboxRecord, endpoints: EndpointRecord[]): SandboxRecord => ({
  ...sandbox,
  endpoints,
  upstream: usesDns({ endpoints }) ? upstreamServers(sandbox.files) : [],
});

/** The default routes follow the endpoints. */
const reroute = (namespace: SandboxNamespace, record: SandboxRecord): void => {
  const gateway = gatewayEndpoint(record.endpoints);
  if (gateway === undefined) return;
  try {
    routeThrough(namespace, gateway);
  } catch (error) {
    throw new EngineError("system", `failed to set gateway: ${messageOf(error)}`, { cause: error });
  }
};

const commit = (
  context: NetworkContext,
  record: SandboxRecord,
  action: "connect" | "disconnect",
  endpoint: EndpointRecord,
): void =>
  context.database.lightTransaction((transaction) => {
    transaction.put(context.sandboxes, record.containerId, record);
    transaction.emit(networkEvent(context, action, endpoint, record.containerId));
  });
