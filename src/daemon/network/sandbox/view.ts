import type { EndpointSettings, PortMap } from "../../../wire/engine/network.ts";
import type { EndpointRecord, PublishedPort } from "../record.ts";

/** An endpoint as inspect shows it. **Source:** Engine API, EndpointSettings. */
export const endpointSettings = (endpoint: EndpointRecord): EndpointSettings => ({
  IPAMConfig: endpoint.settings.IPAMConfig ?? null,
  Links: endpoint.settings.Links ?? null,
  Aliases: endpoint.settings.Aliases ?? null,
  MacAddress: endpoint.macAddress,
  DriverOpts: endpoint.settings.DriverOpts ?? null,
  GwPriority: endpoint.settings.GwPriority ?? 0,
  NetworkID: endpoint.networkId,
  EndpointID: endpoint.id,
  Gateway: endpoint.ipv4?.gateway ?? "",
  IPAddress: endpoint.ipv4?.address ?? "",
  IPPrefixLen: endpoint.ipv4?.prefixLength ?? 0,
  IPv6Gateway: endpoint.ipv6?.gateway ?? "",
  GlobalIPv6Address: endpoint.ipv6?.address ?? "",
  GlobalIPv6PrefixLen: endpoint.ipv6?.prefixLength ?? 0,
  DNSNames: endpoint.dnsNames.length > 0 ? endpoint.dnsNames : null,
});

/** NetworkSettings.Ports: what is exposed, and where it is published. */
export const portMap = (ports: readonly PublishedPort[], exposed: readonly string[]): PortMap => {
  const map: PortMap = Object.fromEntries(exposed.map((port) => [port, null]));
  for (const { proto, containerPort, hostIp, hostPort } of ports) {
    (map[`${containerPort}/${proto}`] ??= []).push({ HostIp: hostIp, HostPort: String(hostPort) });
  }
  return map;
};
