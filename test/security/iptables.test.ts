import { firewallAttacks } from "./firewall.ts";

firewallAttacks("iptables");
