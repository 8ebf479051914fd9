import { posix } from "node:path";
import type { SpecInput } from "./input.ts";

const scopePrefix = "docker";

/**
 * Where the runtime makes the container's cgroup: a path below every hierarchy's root with cgroupfs, and
 * `slice:prefix:name` with systemd.
 */
export const cgroupsPath = ({ id, hostConfig, host, defaults }: SpecInput): string => {
  const parent = hostConfig.CgroupParent || defaults.cgroupParent;
  return host.cgroup.driver === "systemd" ? `${parent}:${scopePrefix}:${id}` : posix.join("/", parent, id);
};
