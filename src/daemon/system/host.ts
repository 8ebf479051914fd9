import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { arch, cpus, hostname, release, totalmem } from "node:os";

/** What `/info` and `/version` tell of the machine. */
export interface HostFacts {
  kernelVersion: string;
  /** `Debian GNU/Linux 12 (bookworm)` */
  operatingSystem: string;
  osVersion: string;
  /** As uname(2) says it: `x86_64`. */
  machine: string;
  /** As Go says it: `amd64`. */
  architecture: string;
  cpus: number;
  memoryBytes: number;
  name: string;
}

const architectures: Record<string, { machine: string; architecture: string }> = {
  x64: { machine: "x86_64", architecture: "amd64" },
  arm64: { machine: "aarch64", architecture: "arm64" },
};

/** Reads them once; none changes while the daemon runs. **Source:** os-release(5). */
export const readHostFacts = (): HostFacts => {
  const os = osRelease();
  const known = architectures[arch()] ?? { machine: arch(), architecture: arch() };
  return {
    kernelVersion: release(),
    operatingSystem: os["PRETTY_NAME"] ?? "Linux",
    osVersion: os["VERSION_ID"] ?? "",
    ...known,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    name: hostname(),
  };
};

const osRelease = (): Record<string, string> => {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
    try {
      return parseOsRelease(readFileSync(path, "utf8"));
    } catch {
      // A system without one is still a system.
    }
  }
  return {};
};

/** **Source:** os-release(5): shell assignments, quoted or not. */
export const parseOsRelease = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const found = /^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line.trim());
      return found === null ? [] : [[found[1] ?? "", found[2] ?? found[3] ?? found[4] ?? ""]];
    }),
  );

/** How many descriptors this process holds. */
export const openDescriptors = async (): Promise<number> => (await readdir("/proc/self/fd")).length;

/** True when the kernel forwards IPv4. */
export const ipv4Forwarding = (): boolean => {
  try {
    return readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim() === "1";
  } catch {
    return false;
  }
};
