import type { ContainerConfig, HostConfig } from "../../../wire/engine/container.ts";
import type { OciDevice, OciDeviceRule } from "../../../wire/oci/runtime.ts";
import type { IdMapping } from "../../../linux/namespace/id-mapping.ts";
import type { SeccompFilter } from "../seccomp/filters.ts";
import type { ProcessUser } from "../user/lookup.ts";

/** What the machine offers; read once at the daemon's start. */
export interface HostFacts {
  /** The daemon's own effective capabilities, `CAP_…`: the most a container can have. */
  capabilities: readonly string[];
  cgroup: CgroupFacts;
  /** `/sys/devices/system/cpu/cpuN/thermal_throttle` directories that exist. */
  thermalThrottlePaths: readonly string[];
  /** Host paths of sysctls that a new network namespace has, such as `net.ipv4.ping_group_range`. */
  networkSysctls: readonly string[];
  /** The daemon's hard limits by Docker's ulimit name (`nofile`); null: none. */
  hardLimits: Readonly<Record<string, number | null>>;
  apparmor: boolean;
  seccomp: boolean;
  /** `kernel.release` has mount_setattr(2): recursive read-only binds. */
  recursiveReadOnly: boolean;
}

export interface CgroupFacts {
  version: 1 | 2;
  driver: "cgroupfs" | "systemd";
  /** Controllers that can be used: `memory`, `cpu`, `cpuset`, `pids`, `blkio` (v2: `io`), `hugetlb`, `devices`, `freezer`. */
  controllers: ReadonlySet<string>;
  /** Limit files that exist, by controller, where a controller may lack them (`blkio.weight`, `memory.memsw.limit_in_bytes`). */
  has: ReadonlySet<CgroupFeature>;
}

export type CgroupFeature =
  | "memory.swap"
  | "memory.reservation"
  | "memory.swappiness"
  | "memory.oomKillDisable"
  | "cpu.shares"
  | "cpu.quota"
  | "cpu.realtime"
  | "blkio.weight"
  | "blkio.weightDevice"
  | "blkio.throttle";

/** What the daemon's configuration says about every container. */
export interface SpecDefaults {
  /** `--init` when the container does not say. */
  init: boolean;
  /** Absolute path of docker-init; null when the host has none. */
  initPath: string | null;
  /** Parent of containers that name none: `/docker` with cgroupfs, `system.slice` with systemd. */
  cgroupParent: string;
  ulimits: readonly { Name?: string; Soft?: number; Hard?: number }[];
  noNewPrivileges: boolean;
}

/** A bind, volume or other directory of the host that appears in the container. */
export interface SpecMount {
  source: string;
  destination: string;
  readOnly: boolean;
  /** The source is no directory. */
  file?: boolean;
  /** `rprivate`, `shared` …; absent: `rprivate`. */
  propagation?: string;
  /** Without what is mounted below the source. */
  nonRecursive?: boolean;
  /** Read-only at the top only. */
  readOnlyNonRecursive?: boolean;
  /** Fail rather than leave something below writable. */
  readOnlyForceRecursive?: boolean;
}

/** A tmpfs of the container: from `--tmpfs` or `--mount type=tmpfs`; `options` is mount(8)'s list. */
export interface SpecTmpfs {
  destination: string;
  options: string;
}

/** Everything a container's config.json is made of. Paths are absolute and the host's. */
export interface SpecInput {
  id: string;
  /** Merged with the image's. */
  config: ContainerConfig;
  hostConfig: HostConfig;
  rootfs: string;
  user: ProcessUser;
  mounts: readonly SpecMount[];
  tmpfs: readonly SpecTmpfs[];
  /** The three files bound at /etc; absent ones are left to the image. */
  files: { resolvConf?: string; hostname?: string; hosts?: string };
  /** The directory bound at /dev/shm for `--ipc shareable|host|container:`. */
  shmPath?: string;
  namespaces: {
    /** A namespace's file; `host`: none of its own; `new`: made by the runtime. */
    network: { path: string } | "host" | "new";
    ipcPath?: string;
    pidPath?: string;
    /** With `idMapping`. */
    userPath?: string;
  };
  /** How the users and groups of its user namespace are seen on the host. */
  idMapping?: IdMapping | undefined;
  devices: { nodes: readonly OciDevice[]; rules: readonly OciDeviceRule[] };
  throttleDevices?: ThrottleNumbers;
  /** null: unconfined. */
  seccomp: SeccompFilter | null;
  host: HostFacts;
  defaults: SpecDefaults;
}

/** Device numbers of the paths in `BlkioDevice…` and `BlkioWeightDevice`. */
export type ThrottleNumbers = Readonly<Record<string, { major: number; minor: number }>>;
