import { existsSync, readFileSync } from "node:fs";
import { arch, release } from "node:os";
import { join } from "node:path";
import { invalidParameter, messageOf, systemError } from "../../base/errors.ts";
import type { Log } from "../../base/logger.ts";
import type { CgroupLayout } from "../../linux/cgroup/layout.ts";
import { findBinary } from "../../linux/process/find-binary.ts";
import type { HostConfig } from "../../wire/engine/container.ts";
import type { EngineConfig } from "../config/config.ts";
import { prepareAppArmor } from "../runtime/apparmor/load.ts";
import { readHostFacts } from "../runtime/host/facts.ts";
import { detectRuntime, type OciRuntime } from "../runtime/oci-runtime.ts";
import { Runtime } from "../runtime/runtime.ts";
import { type SeccompFilter, SeccompFilters } from "../runtime/seccomp/filters.ts";
import { effectiveCapabilities } from "../runtime/spec/capabilities.ts";
import { checkCgroupParent } from "../runtime/spec/cgroup-path.ts";
import type { HostFacts, SpecDefaults } from "../runtime/spec/input.ts";
import { parseSecurityOptions } from "../runtime/spec/security-options.ts";

export interface RuntimeRoom {
  /** berth-shim, absolute. */
  shimPath: string;
  runtime: Runtime;
  runtimes: readonly OciRuntime[];
  defaultRuntime: string;
  cgroupDriver: "cgroupfs" | "systemd";
  host: HostFacts;
  specDefaults: SpecDefaults;
  seccompOf(hostConfig: HostConfig): SeccompFilter | null;
}

/** Tried in this order when the configuration names no default. */
const preferred = ["crun", "runc"];

/** @throws EngineError when there is no runtime, or not the one that the configuration names */
export const openRuntime = async (config: EngineConfig, cgroups: CgroupLayout, log: Log): Promise<RuntimeRoom> => {
  const { containers } = config;
  const runtimes = await findRuntimes(config);
  const wanted = containers.defaultRuntime || preferred.find((name) => runtimes.some((one) => one.name === name));
  const chosen = runtimes.find(({ name }) => name === wanted);
  if (!chosen) {
    throw wanted
      ? invalidParameter(`specified default runtime '${wanted}' does not exist`)
      : systemError("no OCI runtime found: install crun or runc");
  }
  const managed = cgroups.version === 2 && existsSync("/run/systemd/system");
  const cgroupDriver = containers.cgroupDriver || (managed ? "systemd" : "cgroupfs");
  checkCgroupParent(containers.cgroupParent, cgroupDriver);
  const apparmor = await prepareAppArmor().catch((error: unknown) => {
    // Containers that ask for no other profile will not start; the rest of the engine works.
    log("error", messageOf(error));
    return true;
  });
  const host = readHostFacts({ cgroupDriver, cgroups, recursiveReadOnly: chosen.recursiveReadOnly, apparmor });
  const filters = new SeccompFilters({
    architecture: arch() === "arm64" ? "arm64" : "amd64",
    kernelRelease: release(),
  });
  const shim = shimPath();
  return {
    shimPath: shim,
    runtime: new Runtime({
      shimPath: shim,
      stateRoot: join(config.execRoot, "runtime"),
      cgroups,
      cgroupDriver,
      runtimes,
      defaultRuntime: chosen.name,
    }),
    runtimes,
    defaultRuntime: chosen.name,
    cgroupDriver,
    host,
    specDefaults: {
      init: containers.init,
      initPath: containers.initPath || findBinary("docker-init") || findBinary("tini-static") || findBinary("tini"),
      cgroupParent: containers.cgroupParent || (cgroupDriver === "systemd" ? "system.slice" : "/docker"),
      ulimits: Object.values(containers.defaultUlimits),
      noNewPrivileges: containers.noNewPrivileges,
    },
    seccompOf: (hostConfig) => seccompOf(config, host, filters, hostConfig),
  };
};

/** Built at set-up beside the sources; an installed engine has it in its own folder. */
const shimPath = (): string => {
  const path = join(import.meta.dirname, "../../../build/berth-shim");
  if (!existsSync(path)) throw systemError(`${path} is missing: run 'npm run setup'`);
  return path;
};

const findRuntimes = async (config: EngineConfig): Promise<OciRuntime[]> => {
  const found = preferred.flatMap((name) => {
    const path = findBinary(name);
    return path === null ? [] : [{ name, path, args: [] as string[] }];
  });
  const added = Object.entries(config.containers.runtimes).map(([name, { path, args }]) => ({
    name,
    path: path.startsWith("/") ? path : (findBinary(path) ?? path),
    args,
  }));
  const named = new Map([...found, ...added].map((one) => [one.name, one]));
  return Promise.all([...named.values()].map(({ name, path, args }) => detectRuntime(name, path, args)));
};

const seccompOf = (
  config: EngineConfig,
  host: HostFacts,
  filters: SeccompFilters,
  hostConfig: HostConfig,
): SeccompFilter | null => {
  if (!host.seccomp || hostConfig.Privileged) return null;
  const own = parseSecurityOptions(hostConfig.SecurityOpt).seccomp ?? defaultProfile(config);
  if (own === "unconfined") return null;
  const capabilities = effectiveCapabilities(hostConfig, host.capabilities);
  return filters.get(own === "builtin" || own === "" ? null : own, capabilities);
};

const defaultProfile = ({ containers: { seccompProfile } }: EngineConfig): string =>
  seccompProfile.startsWith("/") ? readFileSync(seccompProfile, "utf8") : seccompProfile;
