import type { PortMap } from "../../wire/engine/network.ts";
import { UsageError } from "../flags.ts";

const maxPort = 65_535;

/**
 * `-p` and `--expose` as the API wants them: `[ip:][hostPort[-end]:]port[-end][/proto]`.
 * @throws UsageError in Docker's words
 */
export const parsePorts = (
  publish: readonly string[],
  expose: readonly string[],
): { exposed: Record<string, Record<string, never>>; bindings: PortMap } => {
  const exposed: Record<string, Record<string, never>> = {};
  const bindings: PortMap = {};
  for (const text of publish) {
    const { ip, hostPorts, ports, protocol } = parsePublish(text);
    ports.forEach((port, i) => {
      const key = `${port}/${protocol}`;
      exposed[key] = {};
      // One container port may take any one of a range of host ports.
      const host =
        ports.length === 1 && hostPorts.length > 1 ? `${hostPorts[0]}-${hostPorts.at(-1)}` : `${hostPorts[i] ?? ""}`;
      (bindings[key] ??= []).push({ HostIp: ip, HostPort: host });
    });
  }
  for (const text of expose) {
    const [range = "", protocol = "tcp"] = text.split("/");
    for (const port of parseRange(range, text)) exposed[`${port}/${protocol}`] = {};
  }
  return { exposed, bindings };
};

const parsePublish = (text: string): { ip: string; hostPorts: number[]; ports: number[]; protocol: string } => {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:]*)):)?(?:([\d-]*):)?([\d-]+)(?:\/(\w+))?$/.exec(text);
  if (!match)
    throw new UsageError(`invalid argument "${text}" for "-p, --publish" flag: invalid containerPort: ${text}`);
  let [, ip6, ip4 = "", host] = match;
  // `8080:80` has no address: what stood before the colon is the host port.
  if (host === undefined && ip6 === undefined && /^[\d-]+$/.test(ip4)) [host, ip4] = [ip4, ""];
  const ports = parseRange(match[4] ?? "", text);
  const hostPorts = host ? parseRange(host, text) : [];
  if (hostPorts.length > 0 && ports.length !== 1 && hostPorts.length !== ports.length) {
    throw new UsageError(`invalid ranges specified for container and host Ports: ${match[4]} and ${host}`);
  }
  return { ip: ip6 ?? ip4, hostPorts, ports, protocol: (match[5] ?? "tcp").toLowerCase() };
};

const parseRange = (text: string, whole: string): number[] => {
  const [first = "", last = first] = text.split("-");
  const from = Number(first);
  const to = Number(last);
  if (!/^\d+$/.test(first) || !/^\d+$/.test(last) || from > to || to > maxPort) {
    throw new UsageError(`invalid containerPort: ${whole}`);
  }
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
};
