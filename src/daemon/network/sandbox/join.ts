import { invalidParameter, systemError } from "../../../base/errors.ts";
import type { NetworkContext } from "../context.ts";
import { bridgeOptions } from "../driver/options.ts";
import { networkOf } from "../find.ts";
import type { EndpointRecord } from "../record.ts";
import { wireEndpoint } from "./endpoint.ts";
import type { SandboxNamespace } from "./namespace.ts";

const sysctlsOption = "com.docker.network.endpoint.sysctls";

/** Wires a planned endpoint to its network's bridge. @throws SystemError */
export const joinNetwork = (context: NetworkContext, namespace: SandboxNamespace, endpoint: EndpointRecord): void => {
  const bridgeIndex = context.bridges.get(endpoint.networkId);
  if (bridgeIndex === undefined) throw systemError(`network ${endpoint.networkName} has no bridge`);
  const { mtu } = bridgeOptions(networkOf(context, endpoint.networkId));
  wireEndpoint({
    host: context.route,
    namespace,
    bridgeIndex,
    endpoint,
    mtu,
    mark: context.mark,
    sysctls: interfaceSysctls(endpoint),
  });
};

/** "net.ipv4.conf.IFNAME.log_martians=1,…": IFNAME stands for the interface. */
const interfaceSysctls = (endpoint: EndpointRecord): { name: string[]; value: string }[] =>
  (endpoint.settings.DriverOpts?.[sysctlsOption] ?? "")
    .split(",")
    .filter((setting) => setting !== "")
    .map((setting) => {
      const [name = "", value = ""] = setting.split("=", 2);
      const parts = name.split(".");
      // Nothing but settings of this one interface: other sysctls are the host's.
      if (
        parts.length !== 5 ||
        parts[0] !== "net" ||
        parts[3] !== "IFNAME" ||
        parts.some((part) => /[/]|^\.*$/.test(part))
      ) {
        throw invalidParameter(`unrecognised sysctl setting '${setting}', expected 'net.X.Y.IFNAME.Z=value'`);
      }
      return { name: parts.map((part) => (part === "IFNAME" ? endpoint.interface : part)), value };
    });
