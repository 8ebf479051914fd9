import type { SystemContext } from "./context.ts";
import { ipv4Forwarding } from "./host.ts";

/**
 * What `docker info` warns of; null when there is nothing.
 * **Source:** the warnings of dockerd 28.5.
 */
export const warnings = ({ config, cgroups }: SystemContext): string[] | null => {
  const missing = (controllers: string, text: string): string[] =>
    cgroups.controllers.has(controllers) ? [] : [`WARNING: ${text}`];
  const found = [
    ...config.hosts.filter((host) => host.startsWith("tcp://")).map(insecureHost),
    ...missing("memory", "No memory limit support"),
    ...missing("cpu", "No cpu cfs quota support"),
    ...missing("cpuset", "No cpuset support"),
    ...missing("pids", "No pids limit support"),
    ...(ipv4Forwarding() ? [] : ["WARNING: IPv4 forwarding is disabled"]),
  ];
  return found.length === 0 ? null : found;
};

const insecureHost = (host: string): string =>
  `[DEPRECATION NOTICE]: API is accessible on ${host.replace("tcp://", "http://")} without encryption.\n` +
  "         Access to the remote API is equivalent to root access on the host. Refer\n" +
  "         to the 'Docker daemon attack surface' section in the documentation for\n" +
  "         more information: https://docs.docker.com/go/attack-surface/";
