import type { HostConfig } from "../../../wire/engine/container.ts";
import type { HostFacts } from "../../runtime/spec/input.ts";
import { defaultMaskedPaths, defaultReadonlyPaths } from "../../runtime/spec/masked-paths.ts";
import type { ContainerSettings } from "../settings.ts";
import { checkLimits } from "./limits.ts";
import { checkModes } from "./modes.ts";
import { checkOptions } from "./options.ts";
import { logConfig } from "./log-config.ts";

/** Keys that a Go server leaves out of its answer when they are empty. */
const omittedWhenEmpty = ["Annotations", "Init", "Mounts", "StorageOpt", "Sysctls", "Tmpfs"] as const;

/**
 * A HostConfig with Docker's defaults, as inspect shows it.
 * @returns with what the user should be warned of
 * @throws EngineError invalid-parameter in Docker's words
 */
export const normalizeHostConfig = (
  own: HostConfig,
  settings: ContainerSettings,
  host: HostFacts,
): { hostConfig: HostConfig; warnings: string[] } => {
  const warnings: string[] = [];
  checkModes(own);
  checkOptions(own, settings, host);
  checkLimits(own);
  const privileged = own.Privileged ?? false;
  const hostConfig: HostConfig = {
    Binds: own.Binds ?? null,
    ContainerIDFile: own.ContainerIDFile ?? "",
    LogConfig: logConfig(own.LogConfig, settings),
    NetworkMode: !own.NetworkMode || own.NetworkMode === "default" ? "bridge" : own.NetworkMode,
    PortBindings: normalizeBindings(own.PortBindings),
    RestartPolicy: {
      Name: own.RestartPolicy?.Name || "no",
      MaximumRetryCount: own.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    AutoRemove: own.AutoRemove ?? false,
    VolumeDriver: own.VolumeDriver ?? "",
    VolumesFrom: own.VolumesFrom ?? null,
    ConsoleSize: own.ConsoleSize ?? [0, 0],
    CapAdd: own.CapAdd ?? null,
    CapDrop: own.CapDrop ?? null,
    CgroupnsMode: own.CgroupnsMode || cgroupnsMode(settings, host, privileged),
    Dns: own.Dns ?? null,
    DnsOptions: own.DnsOptions ?? null,
    DnsSearch: own.DnsSearch ?? null,
    ExtraHosts: own.ExtraHosts ?? null,
    GroupAdd: own.GroupAdd ?? null,
    IpcMode: own.IpcMode || settings.defaultIpcMode,
    Cgroup: own.Cgroup ?? "",
    Links: own.Links ?? null,
    OomScoreAdj: own.OomScoreAdj ?? 0,
    PidMode: own.PidMode ?? "",
    Privileged: privileged,
    PublishAllPorts: own.PublishAllPorts ?? false,
    ReadonlyRootfs: own.ReadonlyRootfs ?? false,
    SecurityOpt: securityOptions(own, privileged),
    UTSMode: own.UTSMode ?? "",
    UsernsMode: own.UsernsMode ?? "",
    ShmSize: own.ShmSize || settings.defaultShmSizeBytes,
    Runtime: own.Runtime || settings.defaultRuntime,
    Isolation: own.Isolation ?? "",
    ...resources(own, host, warnings),
    MaskedPaths: own.MaskedPaths ?? (privileged ? null : [...defaultMaskedPaths, ...host.thermalThrottlePaths]),
    ReadonlyPaths: own.ReadonlyPaths ?? (privileged ? null : [...defaultReadonlyPaths]),
  };
  for (const key of omittedWhenEmpty) {
    const value = own[key];
    if (value === undefined || value === null) continue;
    if (typeof value === "object" && Object.keys(value).length === 0) continue;
    Object.assign(hostConfig, { [key]: value });
  }
  return { hostConfig, warnings };
};

const resources = (own: HostConfig, host: HostFacts, warnings: string[]): Partial<HostConfig> => {
  const { controllers, has } = host.cgroup;
  let weight = own.BlkioWeight ?? 0;
  if (weight > 0 && !has.has("blkio.weight")) {
    warnings.push("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
    weight = 0;
  }
  let weightDevices = own.BlkioWeightDevice ?? null;
  if (weightDevices && weightDevices.length > 0 && !has.has("blkio.weightDevice")) {
    warnings.push(
      "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    );
    weightDevices = [];
  }
  let pidsLimit = own.PidsLimit ?? null;
  if (pidsLimit !== null && pidsLimit > 0 && !controllers.has("pids")) {
    warnings.push(
      "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
    );
    pidsLimit = null;
  }
  const memory = own.Memory ?? 0;
  let swap = own.MemorySwap ?? 0;
  if (memory > 0 && swap === 0) swap = memory * 2;
  if (memory > 0 && swap !== -1 && !has.has("memory.swap")) {
    warnings.push(
      "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    );
    swap = -1;
  }
  return {
    CpuShares: own.CpuShares ?? 0,
    Memory: memory,
    NanoCpus: own.NanoCpus ?? 0,
    CgroupParent: own.CgroupParent ?? "",
    BlkioWeight: weight,
    BlkioWeightDevice: weightDevices,
    BlkioDeviceReadBps: own.BlkioDeviceReadBps ?? null,
    BlkioDeviceWriteBps: own.BlkioDeviceWriteBps ?? null,
    BlkioDeviceReadIOps: own.BlkioDeviceReadIOps ?? null,
    BlkioDeviceWriteIOps: own.BlkioDeviceWriteIOps ?? null,
    CpuPeriod: own.CpuPeriod ?? 0,
    CpuQuota: own.CpuQuota ?? 0,
    CpuRealtimePeriod: own.CpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: own.CpuRealtimeRuntime ?? 0,
    CpusetCpus: own.CpusetCpus ?? "",
    CpusetMems: own.CpusetMems ?? "",
    Devices: own.Devices ?? null,
    DeviceCgroupRules: own.DeviceCgroupRules ?? null,
    DeviceRequests: own.DeviceRequests ?? null,
    MemoryReservation: own.MemoryReservation ?? 0,
    MemorySwap: swap,
    MemorySwappiness: own.MemorySwappiness === -1 ? null : (own.MemorySwappiness ?? null),
    OomKillDisable: own.OomKillDisable ?? false,
    PidsLimit: pidsLimit,
    Ulimits: own.Ulimits ?? null,
    CpuCount: own.CpuCount ?? 0,
    CpuPercent: own.CpuPercent ?? 0,
    IOMaximumIOps: own.IOMaximumIOps ?? 0,
    IOMaximumBandwidth: own.IOMaximumBandwidth ?? 0,
  } as Partial<HostConfig>;
};

const normalizeBindings = (bindings: HostConfig["PortBindings"]): NonNullable<HostConfig["PortBindings"]> | null => {
  if (!bindings) return null;
  return Object.fromEntries(
    Object.entries(bindings).map(([port, hosts]) => [
      port,
      hosts?.map(({ HostIp, HostPort }) => ({ HostIp: HostIp ?? "", HostPort: HostPort ?? "" })) ?? null,
    ]),
  );
};

const cgroupnsMode = (settings: ContainerSettings, host: HostFacts, privileged: boolean): "host" | "private" => {
  if (host.cgroup.version === 1) return "host";
  return privileged ? "host" : settings.defaultCgroupnsMode;
};

/** Sharing the host's processes or shared memory takes labels away, as Docker does; the user's own options win. */
const securityOptions = (own: HostConfig, privileged: boolean): string[] | null => {
  if (own.SecurityOpt) return own.SecurityOpt;
  const shares = own.IpcMode === "host" || own.PidMode === "host";
  return shares && !privileged ? ["label=disable"] : null;
};
