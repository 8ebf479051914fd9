import type { NetworkContext } from "../context.ts";
import { bridgeOptions } from "../driver/options.ts";
import type { FirewallLink, FirewallPort } from "../firewall/firewall.ts";
import { networkOf } from "../find.ts";
import { parseContainerPort } from "../port/request.ts";
import type { SandboxRecord } from "../record.ts";

/** What the firewall must do for the published ports of a sandbox. */
export const firewallPorts = (context: NetworkContext, record: SandboxRecord): FirewallPort[] =>
  record.ports.flatMap((port) => {
    if (port.forward === undefined) return [];
    const options = bridgeOptions(networkOf(context, port.networkId));
    const mode = port.hostIp.includes(":") ? options.gatewayModeIPv6 : options.gatewayModeIPv4;
    const { proto, hostIp, hostPort, containerPort } = port;
    return { ...port.forward, proto, hostIp, hostPort, containerPort, translate: mode !== "routed" };
  });

/** What links of a sandbox need where containers may not talk to one another (icc=false). */
export const linkRules = (
  context: NetworkContext,
  record: Pick<SandboxRecord, "endpoints" | "files">,
): FirewallLink[] =>
  record.endpoints.flatMap((endpoint) => {
    const { bridge, icc } = bridgeOptions(networkOf(context, endpoint.networkId));
    const from = endpoint.ipv4?.address;
    if (icc || from === undefined) return [];
    return record.files.links.flatMap(({ containerId, exposedPorts }) => {
      const other = context.sandboxes.get(containerId)?.endpoints.find((one) => one.networkId === endpoint.networkId);
      const to = other?.ipv4?.address;
      return to === undefined ? [] : exposedPorts.map((text) => ({ bridge, from, to, ...parseContainerPort(text) }));
    });
  });
