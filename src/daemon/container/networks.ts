import type { EndpointSettings, PortMap } from "../../wire/engine/network.ts";
import type { ContainerContext } from "./context.ts";
import type { ContainerRecord, JoinedNetwork } from "./record.ts";
import { isRunning } from "./state.ts";

/** A container's endpoints by network name, as inspect shows them: what it has while it runs, else what it asked for. */
export const endpointsOf = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
): Record<string, EndpointSettings> => {
  const current = context.networks.sandbox(record.id)?.networks ?? {};
  const mode = record.hostConfig.NetworkMode ?? "";
  return Object.fromEntries(
    Object.entries(record.networks).map(([name, wanted]) => {
      const running = current[name];
      if (running) return [name, running];
      // The host's network and `none` have no endpoint to look at, and still belong to their network while it runs.
      const joined = isRunning(record.state) && (mode === "host" || mode === "none") && mode === name;
      if (joined) return [name, unconnected(wanted, { networkId: networkId(context, name), dnsNames: null })];
      return [name, unconnected(wanted, record.joined?.[name] ?? { networkId: "", dnsNames: null })];
    }),
  );
};

const networkId = (context: ContainerContext, name: string): string => context.networks.find(name).id;

/** What inspect goes on telling of the networks of this run. */
export const joinedNetworks = (context: ContainerContext, id: string): Record<string, JoinedNetwork> => {
  const networks = context.networks.sandbox(id)?.networks ?? {};
  return Object.fromEntries(
    Object.entries(networks).map(([name, { NetworkID, DNSNames }]) => [
      name,
      { networkId: NetworkID ?? "", dnsNames: DNSNames ?? null },
    ]),
  );
};

const unconnected = (wanted: EndpointSettings, { networkId: id, dnsNames }: JoinedNetwork): EndpointSettings => ({
  IPAMConfig: wanted.IPAMConfig ?? null,
  Links: wanted.Links ?? null,
  Aliases: wanted.Aliases ?? null,
  MacAddress: wanted.MacAddress ?? "",
  DriverOpts: wanted.DriverOpts ?? null,
  GwPriority: wanted.GwPriority ?? 0,
  NetworkID: id,
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  DNSNames: dnsNames,
});

/** What is published, and what is only exposed (null). Empty when it does not run. */
export const portsOf = (context: ContainerContext, record: Readonly<ContainerRecord>): PortMap => {
  const sandbox = context.networks.sandbox(record.id);
  if (!isRunning(record.state) || !sandbox) return {};
  const exposed = Object.keys(record.config.ExposedPorts ?? {}).map((port) =>
    port.includes("/") ? port : `${port}/tcp`,
  );
  return { ...Object.fromEntries(exposed.map((port) => [port, null])), ...sandbox.ports };
};
