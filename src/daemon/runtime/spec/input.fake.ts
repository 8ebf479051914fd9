import { knownCapabilities } from "./capabilities.ts";
import type { SpecInput } from "./input.ts";

/** A container that says nothing, on a host like a small cloud machine: for tests. */
export const specInput = (): SpecInput => {
  const id = "0123456789ab".padEnd(64, "0");
  return {
    id,
    config: { Hostname: id.slice(0, 12), Cmd: ["sh"], Image: "busybox" },
    hostConfig: { NetworkMode: "bridge", IpcMode: "private" },
    rootfs: "/r",
    user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" },
    mounts: [],
    tmpfs: [],
    files: { resolvConf: "/c/resolv.conf", hostname: "/c/hostname", hosts: "/c/hosts" },
    namespaces: { network: { path: "/n/1" } },
    devices: { nodes: [], rules: [] },
    seccomp: null,
    host: {
      capabilities: knownCapabilities.filter((name) => name !== "CAP_SYS_RESOURCE"),
      cgroup: {
        version: 1,
        driver: "cgroupfs",
        controllers: new Set(["memory", "cpu", "cpuset", "pids", "blkio", "devices", "freezer"]),
        has: new Set([
          "memory.swap",
          "memory.reservation",
          "memory.swappiness",
          "memory.oomKillDisable",
          "cpu.shares",
          "cpu.quota",
          "blkio.throttle",
        ]),
      },
      thermalThrottlePaths: ["/sys/devices/system/cpu/cpu0/thermal_throttle"],
      networkSysctls: ["net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"],
      hardLimits: { nofile: 20000, core: null },
      apparmor: false,
      seccomp: true,
      recursiveReadOnly: true,
    },
    defaults: { init: false, initPath: "/usr/bin/tini", cgroupParent: "/docker", ulimits: [], noNewPrivileges: false },
  };
};
