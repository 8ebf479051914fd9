import { isIPv4, isIPv6 } from "node:net";
import { invalidParameter } from "../../../base/errors.ts";
import type { HostConfig } from "../../../wire/engine/container.ts";
import type { EndpointSettings } from "../../../wire/engine/network.ts";

const builtIn = ["bridge", "host", "none", "default"];

/**
 * The networks of a new container by name, each with what was asked for there. The network mode's is always among them,
 * save where the mode has none (`container:X`).
 * @param warnings gets what the user should be warned of
 * @throws EngineError invalid-parameter in Docker's words
 */
export const collectEndpoints = (
  hostConfig: HostConfig,
  requested: Record<string, EndpointSettings | null> | null | undefined,
  macAddress: string,
  warnings: string[],
): Record<string, EndpointSettings> => {
  const mode = hostConfig.NetworkMode ?? "bridge";
  if (mode.startsWith("container:")) return {};
  const endpoints: Record<string, EndpointSettings> = {};
  for (const [name, settings] of Object.entries(requested ?? {})) {
    endpoints[name === "default" ? "bridge" : name] = { ...settings };
  }
  endpoints[mode] ??= {};
  if (macAddress !== "") applyContainerMac(endpoints, mode, macAddress, warnings);
  for (const [name, settings] of Object.entries(endpoints)) checkEndpoint(name, settings);
  return endpoints;
};

const macPattern = /^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/;

const applyContainerMac = (
  endpoints: Record<string, EndpointSettings>,
  mode: string,
  macAddress: string,
  warnings: string[],
): void => {
  const endpoint = endpoints[mode];
  if (!endpoint) return;
  if (endpoint.MacAddress && endpoint.MacAddress !== macAddress) {
    throw invalidParameter(
      "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
    );
  }
  endpoint.MacAddress = macAddress;
  warnings.push(
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
  );
};

const checkEndpoint = (name: string, settings: EndpointSettings): void => {
  const invalid = (why: string): Error => invalidParameter(`invalid config for network ${name}: ${why}`);
  if (settings.MacAddress && !macPattern.test(settings.MacAddress)) {
    throw invalid(`invalid MAC address ${settings.MacAddress}`);
  }
  const { IPv4Address = "", IPv6Address = "" } = settings.IPAMConfig ?? {};
  const wrong: string[] = [];
  if ((IPv4Address !== "" || IPv6Address !== "") && builtIn.includes(name)) {
    wrong.push("user specified IP address is supported on user defined networks only");
  }
  if (IPv4Address !== "" && !isIPv4(IPv4Address)) wrong.push(`invalid IPv4 address: ${IPv4Address}`);
  if (IPv6Address !== "" && !isIPv6(IPv6Address)) wrong.push(`invalid IPv6 address: ${IPv6Address}`);
  if (settings.Aliases && settings.Aliases.length > 0 && builtIn.includes(name)) {
    wrong.push("network-scoped aliases are only supported for user-defined networks");
  }
  if ((IPv4Address !== "" || IPv6Address !== "") && builtIn.includes(name)) {
    wrong.push("user specified IP address is supported only when connecting to networks with user configured subnets");
  }
  if (wrong.length > 0) throw invalid(`invalid endpoint settings:\n${wrong.map((one) => `* ${one}`).join("\n")}`);
};
