import { invalidParameter } from "../../../base/errors.ts";
import type { HostConfig, ThrottleDevice } from "../../../wire/engine/container.ts";
import type { OciBlockIo, OciResources, OciThrottle } from "../../../wire/oci/runtime.ts";
import { existing } from "./existing.ts";
import type { HostFacts, SpecInput, ThrottleNumbers } from "./input.ts";

const cpuPeriodUs = 100_000;

/**
 * The limits of a container, those that the host's cgroups can hold: the others are left out, since the runtime would
 * fail on them (`resourceWarnings` names them to the user).
 */
export const createResources = (input: Pick<SpecInput, "hostConfig" | "host" | "throttleDevices">): OciResources => {
  const { hostConfig, host } = input;
  const { controllers } = host.cgroup;
  return {
    ...existing("memory", controllers.has("memory") ? memory(hostConfig, host) : undefined),
    ...existing("cpu", cpu(hostConfig, host)),
    ...existing("pids", controllers.has("pids") ? pids(hostConfig) : undefined),
    ...existing("blockIO", blockIo(hostConfig, host, input.throttleDevices ?? {})),
  };
};

const memory = (hostConfig: HostConfig, { cgroup }: HostFacts): OciResources["memory"] => {
  const { Memory: limit = 0, MemoryReservation: reservation = 0, MemorySwap: swap = 0 } = hostConfig;
  const swappiness = hostConfig.MemorySwappiness ?? -1;
  return whenAny({
    ...(limit > 0 ? { limit } : {}),
    ...(reservation > 0 && cgroup.has.has("memory.reservation") ? { reservation } : {}),
    ...(swap > 0 && cgroup.has.has("memory.swap") ? { swap } : {}),
    ...(swappiness >= 0 && cgroup.has.has("memory.swappiness") ? { swappiness } : {}),
    ...(hostConfig.OomKillDisable && cgroup.has.has("memory.oomKillDisable") ? { disableOOMKiller: true } : {}),
  });
};

const cpu = (hostConfig: HostConfig, { cgroup }: HostFacts): OciResources["cpu"] => {
  const { CpuShares: shares = 0, NanoCpus: nanoCpus = 0 } = hostConfig;
  if (shares < 0) throw invalidParameter(`shares: invalid argument`);
  const bandwidth =
    nanoCpus > 0
      ? { period: cpuPeriodUs, quota: Math.trunc((nanoCpus * cpuPeriodUs) / 1e9) }
      : {
          ...(hostConfig.CpuPeriod ? { period: hostConfig.CpuPeriod } : {}),
          ...(hostConfig.CpuQuota ? { quota: hostConfig.CpuQuota } : {}),
        };
  return whenAny({
    ...(shares > 0 && cgroup.has.has("cpu.shares") ? { shares } : {}),
    ...(cgroup.has.has("cpu.quota") ? bandwidth : {}),
    ...(cgroup.has.has("cpu.realtime") && hostConfig.CpuRealtimePeriod
      ? { realtimePeriod: hostConfig.CpuRealtimePeriod }
      : {}),
    ...(cgroup.has.has("cpu.realtime") && hostConfig.CpuRealtimeRuntime
      ? { realtimeRuntime: hostConfig.CpuRealtimeRuntime }
      : {}),
    ...(cgroup.controllers.has("cpuset") && hostConfig.CpusetCpus ? { cpus: hostConfig.CpusetCpus } : {}),
    ...(cgroup.controllers.has("cpuset") && hostConfig.CpusetMems ? { mems: hostConfig.CpusetMems } : {}),
  });
};

// 0 and less take a limit away; absent says nothing.
const pids = ({ PidsLimit: limit }: HostConfig): OciResources["pids"] =>
  limit == null || limit <= 0 ? undefined : { limit };

const blockIo = (hostConfig: HostConfig, { cgroup }: HostFacts, numbers: ThrottleNumbers): OciBlockIo | undefined => {
  const throttles = (devices: ThrottleDevice[] | null | undefined): OciThrottle[] | undefined =>
    cgroup.has.has("blkio.throttle") && devices?.length
      ? devices.map(({ Path: path = "", Rate: rate = 0 }) => ({ ...deviceOf(path, numbers), rate }))
      : undefined;
  const weights =
    cgroup.has.has("blkio.weightDevice") && hostConfig.BlkioWeightDevice?.length
      ? hostConfig.BlkioWeightDevice.map(({ Path: path = "", Weight: weight = 0 }) => ({
          ...deviceOf(path, numbers),
          weight,
        }))
      : undefined;
  return whenAny({
    ...existing("weight", (cgroup.has.has("blkio.weight") && hostConfig.BlkioWeight) || undefined),
    ...existing("weightDevice", weights),
    ...existing("throttleReadBpsDevice", throttles(hostConfig.BlkioDeviceReadBps)),
    ...existing("throttleWriteBpsDevice", throttles(hostConfig.BlkioDeviceWriteBps)),
    ...existing("throttleReadIOPSDevice", throttles(hostConfig.BlkioDeviceReadIOps)),
    ...existing("throttleWriteIOPSDevice", throttles(hostConfig.BlkioDeviceWriteIOps)),
  });
};

const deviceOf = (path: string, numbers: ThrottleNumbers): { major: number; minor: number } => {
  const found = numbers[path];
  if (found === undefined) throw invalidParameter(`could not stat device "${path}": no such file or directory`);
  return found;
};

const whenAny = <T extends object>(value: T): T | undefined => (Object.keys(value).length === 0 ? undefined : value);
