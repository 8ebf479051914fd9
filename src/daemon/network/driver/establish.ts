import type { NetworkContext } from "../context.ts";
import { isUserDefined } from "../find.ts";
import { Addresses } from "../ipam/addresses.ts";
import type { NetworkRecord } from "../record.ts";
import { enableForwarding, ensureBridge } from "./bridge.ts";
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

/** Lets the host forward for a network; where that was off, nothing else is to be forwarded. */
export const forward = async (context: NetworkContext, network: NetworkRecord): Promise<void> => {
  if (network.internal || network.driver !== "bridge") return;
  if (network.enableIPv4 && enableForwarding(4)) await context.firewall.dropForwarded(4);
  if (network.enableIPv6 && enableForwarding(6)) await context.firewall.dropForwarded(6);
};
