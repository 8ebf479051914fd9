import { systemError } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { type NetworkNames, markOf } from "../names.ts";
import type { Firewall } from "./firewall.ts";
import { IptablesFirewall } from "./iptables/backend.ts";
import { type IptablesCommand, iptablesCommand } from "./iptables/command.ts";
import { NftablesFirewall } from "./nftables/backend.ts";
import { nftCommand } from "./nftables/command.ts";

/** The value of `firewall-backend`; "" takes iptables, or nftables where that is not installed. */
export type FirewallBackend = "" | "iptables" | "nftables";

const installed = <T>(command: () => T): T | null => {
  try {
    return command();
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
};

/**
 * The firewall of an instance.
 * @param instance letters and digits
 * @throws EngineError system: what it needs is not installed
 */
export const openFirewall = (backend: FirewallBackend, names: NetworkNames, instance: string): Firewall => {
  const ipv4 = backend === "nftables" ? null : installed(() => iptablesCommand(4));
  if (ipv4 !== null) {
    const style = { prefix: names.chainPrefix, mark: markOf(instance) };
    return new IptablesFirewall(
      style,
      ipv4,
      installed(() => iptablesCommand(6)),
    );
  }
  const nft = backend === "iptables" ? null : installed(nftCommand);
  if (nft !== null) return new NftablesFirewall(instance, nft);
  throw systemError(
    backend === "nftables" ? "failed to find nft" : "failed to find iptables: iptables-restore is not installed",
  );
};

/** What `iptables-save` shows, to look for another engine's chains; "" where it is not installed. */
export const savedRules = async (): Promise<string> => {
  const command: IptablesCommand | null = installed(() => iptablesCommand(4));
  return command === null ? "" : command.save();
};
