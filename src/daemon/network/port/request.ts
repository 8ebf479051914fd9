import { invalidParameter } from "../../../base/errors.ts";
import type { PortMap } from "../../../wire/engine/network.ts";
import { parseAddress } from "../ipam/prefix.ts";

export type Protocol = "tcp" | "udp" | "sctp";

/** One thing to publish: a container's port on one host port of a range, on each of some host addresses. */
export interface PortRequest {
  proto: Protocol;
  containerPort: number;
  /** In the order they are bound; the same host port is taken on all of them. */
  hostIps: string[];
  /** Lowest and highest host port that will do; null: any of the ephemeral range. */
  range: [number, number] | null;
}

/** A container's port: "80/tcp"; without a protocol it is tcp. @throws EngineError invalid-parameter */
export const parseContainerPort = (text: string): { port: number; proto: Protocol } => {
  const [number = "", proto = "tcp", ...rest] = text.split("/");
  const port = Number(number);
  const known = proto === "tcp" || proto === "udp" || proto === "sctp";
  if (rest.length > 0 || !/^\d{1,5}$/.test(number) || port > 65535 || !known) {
    throw invalidParameter(`invalid port specification: "${text}"`);
  }
  return { port, proto };
};

/** Default addresses a port without one is published on. **Source:** com.docker.network.bridge.host_binding_ipv4. */
export interface BindingDefaults {
  /** "0.0.0.0" */
  ipv4: string;
  /** The host has IPv6: a port without an address is published there too. */
  ipv6: boolean;
}

/**
 * What a container wants published.
 * @param exposed "80/tcp": with `publishAll`, each that has no binding gets an ephemeral port.
 * @throws EngineError invalid-parameter
 */
export const portRequests = (
  bindings: PortMap,
  exposed: readonly string[],
  publishAll: boolean,
  defaults: BindingDefaults,
): PortRequest[] => {
  const wanted: PortMap = { ...bindings };
  if (publishAll) for (const port of exposed) if ((wanted[port] ?? []).length === 0) wanted[port] = [{}];
  return Object.entries(wanted).flatMap(([key, list]) => {
    const { port, proto } = parseContainerPort(key);
    return (list ?? []).map((binding) => ({
      proto,
      containerPort: port,
      hostIps: hostAddresses(binding.HostIp ?? "", defaults),
      range: parseRange(binding.HostPort ?? ""),
    }));
  });
};

const hostAddresses = (text: string, defaults: BindingDefaults): string[] => {
  if (text === "") return defaults.ipv4 === "0.0.0.0" && defaults.ipv6 ? ["0.0.0.0", "::"] : [defaults.ipv4];
  if (parseAddress(text) === null) throw invalidParameter(`invalid host IP address: ${text}`);
  return [text];
};

const parseRange = (text: string): [number, number] | null => {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (text === "" || text === "0") return null;
  const low = Number(match?.[1]);
  const high = Number(match?.[2] ?? low);
  if (match === null || high > 65535 || low > high) throw invalidParameter(`invalid port specification: "${text}"`);
  return [low, high];
};
