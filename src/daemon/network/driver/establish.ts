import type { NetworkContext } from "../context.ts";
import { isUserDefined } from "../find.ts";
import { Addresses } from "../ipam/addresses.ts";
import type { NetworkRecord } from "../record.ts";
import { rememberDropped } from "./forwarding.ts";
import { enableForwarding, ensureBridge, isForwarding } from "./bridge.ts";
import { firewallNetwork } from "./options.ts";

/** Makes what a network consists of in the kernel: first the rules, then the bridge that they protect. */
export const establish = async (context: NetworkContext, network: NetworkRecord): Promise<void> => {
  if (network.driver !== "bridge") return;
  await context.firewall.addNetwork(firewallNetwork(network));
  await forward(context, network);
  plugIn(context, network);
  if (isUserDefined(network)) context.dns.prepare();
};

/** Makes a network's bridge and its books of addresses; its rules stand already. */
export const plugIn = (context: NetworkContext, network: NetworkRecord): void => {
  context.addresses.set(network.id, new Addresses(network));
  context.bridges.set(network.id, ensureBridge(context.route, network, context.mark));
};

/** Lets the host forward for a network. Where that was off, nothing else is to be forwarded: that is seen to first. */
export const forward = async (context: NetworkContext, network: NetworkRecord): Promise<void> => {
  if (network.internal || network.driver !== "bridge") return;
  for (const family of [4, 6] as const) {
    if (!(family === 4 ? network.enableIPv4 : network.enableIPv6) || isForwarding(family)) continue;
    // oxlint-disable-next-line no-await-in-loop -- IPv6 only after IPv4, which has the same chains
    await context.firewall.dropForwarded(family);
    rememberDropped(context, family);
    enableForwarding(family);
  }
};
