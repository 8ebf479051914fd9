import { firewallContract } from "../../support/firewall-contract.ts";

firewallContract("iptables");
