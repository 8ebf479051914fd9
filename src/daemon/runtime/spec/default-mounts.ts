import type { OciMount } from "../../../wire/oci/runtime.ts";
import type { SpecInput } from "./input.ts";
import { parseSecurityOptions } from "./security-options.ts";

export const defaultShmBytes = 64 * 1024 * 1024;

/** The mounts every container has. A privileged one may write to /sys and to its cgroup. */
export const createDefaultMounts = ({ hostConfig }: Pick<SpecInput, "hostConfig">): OciMount[] => {
  const privileged = hostConfig.Privileged === true;
  const writableCgroups = parseSecurityOptions(hostConfig.SecurityOpt).writableCgroups ?? privileged;
  const safe = ["nosuid", "noexec", "nodev"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: safe },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: privileged ? safe : [...safe, "ro"] },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: writableCgroups ? safe : ["ro", ...safe],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safe },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: [...safe, "mode=1777", `size=${hostConfig.ShmSize || defaultShmBytes}`],
    },
  ];
};
