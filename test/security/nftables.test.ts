import { firewallAttacks } from "./firewall.ts";

firewallAttacks("nftables");
