import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { invalidParameter } from "../../../base/errors.ts";
import type { HostConfig } from "../../../wire/engine/container.ts";

const minMemoryBytes = 6 * 1024 * 1024;
const maxOomScore = 1000;

/**
 * Refuses limits that contradict each other or the machine.
 * @param updating the limits go to a container that has some already
 * @throws EngineError invalid-parameter in Docker's words
 */
export const checkLimits = (own: HostConfig, updating = false): void => {
  checkMemory(own, updating);
  checkCpu(own);
  const score = own.OomScoreAdj ?? 0;
  if (score < -maxOomScore || score > maxOomScore) {
    throw invalidParameter(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
  if ((own.ShmSize ?? 0) < 0) throw invalidParameter("SHM size can not be less than 0");
};

const checkMemory = (own: HostConfig, updating: boolean): void => {
  const { Memory: memory = 0, MemorySwap: swap = 0, MemoryReservation: reservation = 0 } = own;
  if (memory !== 0 && memory < minMemoryBytes) throw invalidParameter("Minimum memory limit allowed is 6MB");
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalidParameter("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && swap > 0 && !updating) {
    throw invalidParameter("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  const swappiness = own.MemorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100) {
    throw invalidParameter(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  if (reservation > 0 && reservation < minMemoryBytes) {
    throw invalidParameter("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && reservation > 0 && memory < reservation) {
    throw invalidParameter("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
};

const checkCpu = (own: HostConfig): void => {
  const { NanoCpus: nano = 0, CpuPeriod: period = 0, CpuQuota: quota = 0, CpuShares: shares = 0 } = own;
  if (nano > 0 && period > 0) {
    throw invalidParameter("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (nano > 0 && quota > 0) {
    throw invalidParameter("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  const cpus = availableParallelism();
  if (nano < 0 || nano > cpus * 1e9) {
    throw invalidParameter(`range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
  }
  if (shares < 0) throw invalidParameter(`invalid CPU shares (${shares}): value must be a positive integer`);
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalidParameter("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (quota > 0 && quota < 1000) throw invalidParameter("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  checkSet(own.CpusetCpus ?? "", "cpuset cpus", "Requested CPUs", "/sys/devices/system/cpu/online");
  checkSet(own.CpusetMems ?? "", "cpuset mems", "Requested memory nodes", "/sys/devices/system/node/online");
};

/** `0-2,7` as numbers; undefined for what is none. */
const parseSet = (text: string): Set<number> | undefined => {
  const numbers = new Set<number>();
  for (const part of text.split(",").filter((one) => one !== "")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (!match) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first > last) return undefined;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
};

const checkSet = (text: string, name: string, subject: string, onlinePath: string): void => {
  if (text === "") return;
  const wanted = parseSet(text);
  if (!wanted) throw invalidParameter(`Invalid value ${text} for ${name}: invalid format: ${text}`);
  let online: string;
  try {
    online = readFileSync(onlinePath, "utf8").trim();
  } catch {
    // A kernel without NUMA has one node.
    online = "0";
  }
  const available = parseSet(online) ?? new Set<number>();
  if ([...wanted].every((number) => available.has(number))) return;
  throw invalidParameter(`${subject} are not available - requested ${text}, available: ${online}`);
};
