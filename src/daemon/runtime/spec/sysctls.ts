import type { SpecInput } from "./input.ts";

/** Ports and ping for everybody, as Docker sets them in network namespaces that are the container's own. */
const networkDefaults: Readonly<Record<string, string>> = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
};

/** The kernel settings of the container's namespaces; the container's own win. */
export const createSysctls = ({ config, hostConfig, host }: SpecInput): Record<string, string> | undefined => {
  const all: Record<string, string> = {};
  if (config.Domainname) all["kernel.domainname"] = config.Domainname;
  const network = hostConfig.NetworkMode ?? "";
  if (network !== "host" && !network.startsWith("container:")) {
    for (const name of host.networkSysctls) {
      const value = networkDefaults[name];
      if (value !== undefined) all[name] = value;
    }
  }
  Object.assign(all, hostConfig.Sysctls);
  return Object.keys(all).length === 0 ? undefined : all;
};
