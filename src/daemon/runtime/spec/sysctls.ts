import type { SpecInput } from "./input.ts";

/** Ports and ping for everybody, as Docker sets them in network namespaces that are the container's own. */
const networkDefaults = ({ idMapping }: Pick<SpecInput, "idMapping">): Readonly<Record<string, string>> => ({
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": `0 ${lastGroup(idMapping)}`,
});

/** In a user namespace the kernel takes only groups that are mapped. */
const lastGroup = (mapping: SpecInput["idMapping"]): number =>
  (mapping?.gids.find(({ containerId }) => containerId === 0)?.size ?? 2 ** 31) - 1;

/** The kernel settings of the container's namespaces; the container's own win. */
export const createSysctls = ({
  config,
  hostConfig,
  host,
  idMapping,
}: SpecInput): Record<string, string> | undefined => {
  const all: Record<string, string> = {};
  if (config.Domainname) all["kernel.domainname"] = config.Domainname;
  const network = hostConfig.NetworkMode ?? "";
  if (network !== "host" && !network.startsWith("container:")) {
    const defaults = networkDefaults({ idMapping });
    for (const name of host.networkSysctls) {
      const value = defaults[name];
      if (value !== undefined) all[name] = value;
    }
  }
  Object.assign(all, hostConfig.Sysctls);
  return Object.keys(all).length === 0 ? undefined : all;
};
