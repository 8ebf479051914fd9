import { invalidParameter } from "../../../base/errors.ts";
import type { FirewallNetwork, FirewallSubnet } from "../firewall/firewall.ts";
import { parseAddress } from "../ipam/prefix.ts";
import type { NetworkRecord } from "../record.ts";

const prefix = "com.docker.network.bridge.";

/** What the options of a bridge network say. */
export interface BridgeOptions {
  bridge: string;
  icc: boolean;
  masquerade: boolean;
  /** Address that ports without one are published on. */
  hostBindingIPv4: string;
  mtu: number;
  defaultBridge: boolean;
  gatewayModeIPv4: FirewallSubnet["gatewayMode"];
  gatewayModeIPv6: FirewallSubnet["gatewayMode"];
  /** The bridge gets no IPv4 address. */
  inhibitIPv4: boolean;
  interfacePrefix: string;
  trustedInterfaces: string[];
}

/** Of a bridge whose network says nothing. */
export const defaultMtu = 1500;
/** **Source:** linux/if.h IFNAMSIZ, less the NUL. */
const maxInterfaceName = 15;

/** Reads the options of a bridge network. @throws EngineError invalid-parameter, in Docker's words. */
export const bridgeOptions = (network: Pick<NetworkRecord, "id" | "options" | "internal">): BridgeOptions => {
  const { options } = network;
  return {
    bridge: bridgeName(options[`${prefix}name`], network.id),
    icc: flag(options, `${prefix}enable_icc`, true),
    masquerade: flag(options, `${prefix}enable_ip_masquerade`, true),
    hostBindingIPv4: hostBinding(options[`${prefix}host_binding_ipv4`]),
    mtu: integer(options, "com.docker.network.driver.mtu", defaultMtu),
    defaultBridge: flag(options, `${prefix}default_bridge`, false),
    gatewayModeIPv4: gatewayMode(options, `${prefix}gateway_mode_ipv4`, network.internal),
    gatewayModeIPv6: gatewayMode(options, `${prefix}gateway_mode_ipv6`, network.internal),
    inhibitIPv4: flag(options, `${prefix}inhibit_ipv4`, false),
    interfacePrefix: interfacePrefix(options["com.docker.network.container_iface_prefix"]),
    trustedInterfaces: (options[`${prefix}trusted_host_interfaces`] ?? "")
      .split(":")
      .filter((name) => name !== "")
      .map((name) => interfaceName(name, "trusted host interface")),
  };
};

/** The network as the firewall sees it. */
export const firewallNetwork = (network: NetworkRecord): FirewallNetwork => {
  const options = bridgeOptions(network);
  const subnet = (family: 4 | 6): FirewallSubnet | undefined => {
    const config = (network.ipam.config ?? []).find((one) => (one.Subnet ?? "").includes(":") === (family === 6));
    if (config?.Subnet === undefined) return undefined;
    const gateway = family === 4 ? options.gatewayModeIPv4 : options.gatewayModeIPv6;
    return { subnet: config.Subnet, masquerade: options.masquerade && gateway !== "routed", gatewayMode: gateway };
  };
  const [ipv4, ipv6] = [subnet(4), subnet(6)];
  return {
    id: network.id,
    bridge: options.bridge,
    internal: network.internal,
    icc: options.icc,
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    trustedInterfaces: options.trustedInterfaces,
  };
};

const bridgeName = (given: string | undefined, id: string): string =>
  interfaceName(given || `br-${id.slice(0, 12)}`, "bridge name");

/** It becomes part of firewall rules and of paths: that the kernel would take it is not enough. */
const interfaceName = (name: string, what: string): string => {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) || name.length > maxInterfaceName) {
    throw invalidParameter(`invalid ${what}: ${name}`);
  }
  return name;
};

/** Room for a number is left behind it. */
const interfacePrefix = (given: string | undefined): string => {
  if (given === undefined || given === "") return "eth";
  return interfaceName(`${given}999`, "container interface prefix").slice(0, -"999".length);
};

const hostBinding = (given: string | undefined): string => {
  if (given === undefined || given === "") return "0.0.0.0";
  if (parseAddress(given) === null || given.includes(":")) {
    throw invalidParameter(`failed to parse ${prefix}host_binding_ipv4 value: ${given} (invalid IP address)`);
  }
  return given;
};

const flag = (options: Record<string, string>, name: string, fallback: boolean): boolean => {
  const value = options[name];
  if (value === undefined || value === "") return fallback;
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(value)) return false;
  throw invalidParameter(
    `failed to parse ${name} value: ${value} (strconv.ParseBool: parsing "${value}": invalid syntax)`,
  );
};

const integer = (options: Record<string, string>, name: string, fallback: number): number => {
  const value = options[name];
  if (value === undefined || value === "") return fallback;
  if (!/^[+-]?\d{1,9}$/.test(value)) {
    throw invalidParameter(
      `failed to parse ${name} value: ${value} (strconv.Atoi: parsing "${value}": invalid syntax)`,
    );
  }
  const number = Number(value);
  if (number < 0) throw invalidParameter(`invalid MTU number: ${number}`);
  return number === 0 ? fallback : number;
};

const gatewayMode = (
  options: Record<string, string>,
  name: string,
  internal: boolean,
): FirewallSubnet["gatewayMode"] => {
  const value = options[name] ?? "";
  if (value === "" || value === "nat") return "nat";
  if (value === "nat-unprotected" || value === "routed") return value;
  if (value === "isolated" && internal) return value;
  throw invalidParameter(
    value === "isolated"
      ? `gateway mode "isolated" is only supported for internal networks`
      : `unknown gateway mode "${value}"`,
  );
};
