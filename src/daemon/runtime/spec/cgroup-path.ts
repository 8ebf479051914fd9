import { posix } from "node:path";
import { invalidParameter } from "../../../base/errors.ts";
import type { CgroupFacts, SpecInput } from "./input.ts";

const scopePrefix = "docker";

/**
 * Where the runtime makes the container's cgroup: a path below every hierarchy's root with cgroupfs, and
 * `slice:prefix:name` with systemd.
 */
export const cgroupsPath = ({ id, hostConfig, host, defaults }: SpecInput): string => {
  const parent = hostConfig.CgroupParent || defaults.cgroupParent;
  return host.cgroup.driver === "systemd" ? `${parent}:${scopePrefix}:${id}` : posix.join("/", parent, id);
};

/**
 * Refuses a parent that the driver can make no cgroup in; empty: the driver's own.
 * @throws EngineError invalid-parameter in Docker's words
 */
export const checkCgroupParent = (parent: string, driver: CgroupFacts["driver"]): void => {
  if (parent === "" || driver !== "systemd" || /.\.slice$/s.test(parent)) return;
  throw invalidParameter('cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"');
};
