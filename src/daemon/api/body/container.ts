import type { ContainerConfig } from "../../../wire/engine/container.ts";
import type { ContainerCreateBody, ContainerUpdateBody } from "../../services.ts";
import * as s from "./shape.ts";

const strings = s.list(s.string);
const labels = s.map(s.string);

const health = s.struct("container.HealthConfig", {
  Test: strings,
  Interval: s.duration,
  Timeout: s.duration,
  StartPeriod: s.duration,
  StartInterval: s.duration,
  Retries: s.int,
});

const configFields = {
  Hostname: s.string,
  Domainname: s.string,
  User: s.string,
  AttachStdin: s.boolean,
  AttachStdout: s.boolean,
  AttachStderr: s.boolean,
  ExposedPorts: s.map(s.empty, "nat.PortSet"),
  Tty: s.boolean,
  OpenStdin: s.boolean,
  StdinOnce: s.boolean,
  Env: strings,
  Cmd: s.stringsOrString,
  Healthcheck: health,
  ArgsEscaped: s.boolean,
  Image: s.string,
  Volumes: s.map(s.empty),
  WorkingDir: s.string,
  Entrypoint: s.stringsOrString,
  NetworkDisabled: s.boolean,
  MacAddress: s.string,
  OnBuild: strings,
  Labels: labels,
  StopSignal: s.string,
  StopTimeout: s.int,
  Shell: s.stringsOrString,
};

const ulimit = s.struct("units.Ulimit", { Name: s.string, Hard: s.int64, Soft: s.int64 });
const throttle = s.list(
  s.struct("blkiodev.ThrottleDevice", { Path: s.string, Rate: s.int64 }),
  "[]*blkiodev.ThrottleDevice",
);

const resourceFields = {
  CpuShares: s.int64,
  Memory: s.int64,
  NanoCpus: s.int64,
  CgroupParent: s.string,
  BlkioWeight: s.uint16,
  BlkioWeightDevice: s.list(
    s.struct("blkiodev.WeightDevice", { Path: s.string, Weight: s.uint16 }),
    "[]*blkiodev.WeightDevice",
  ),
  BlkioDeviceReadBps: throttle,
  BlkioDeviceWriteBps: throttle,
  BlkioDeviceReadIOps: throttle,
  BlkioDeviceWriteIOps: throttle,
  CpuPeriod: s.int64,
  CpuQuota: s.int64,
  CpuRealtimePeriod: s.int64,
  CpuRealtimeRuntime: s.int64,
  CpusetCpus: s.string,
  CpusetMems: s.string,
  Devices: s.list(
    s.struct("container.DeviceMapping", {
      PathOnHost: s.string,
      PathInContainer: s.string,
      CgroupPermissions: s.string,
    }),
  ),
  DeviceCgroupRules: strings,
  DeviceRequests: s.list(
    s.struct("container.DeviceRequest", {
      Driver: s.string,
      Count: s.int,
      DeviceIDs: strings,
      Capabilities: s.list(strings),
      Options: labels,
    }),
  ),
  KernelMemory: s.int64,
  KernelMemoryTCP: s.int64,
  MemoryReservation: s.int64,
  MemorySwap: s.int64,
  MemorySwappiness: s.int64,
  OomKillDisable: s.boolean,
  PidsLimit: s.int64,
  Ulimits: s.list(ulimit, "[]*units.Ulimit"),
  CpuCount: s.int64,
  CpuPercent: s.int64,
  IOMaximumIOps: s.int64,
  IOMaximumBandwidth: s.int64,
};

const restartPolicy = s.struct("container.RestartPolicy", {
  Name: s.stringNamed("container.RestartPolicyMode"),
  MaximumRetryCount: s.int,
});

const mount = s.struct("mount.Mount", {
  Type: s.stringNamed("mount.Type"),
  Source: s.string,
  Target: s.string,
  ReadOnly: s.boolean,
  Consistency: s.stringNamed("mount.Consistency"),
  BindOptions: s.struct("mount.BindOptions", {
    Propagation: s.stringNamed("mount.Propagation"),
    NonRecursive: s.boolean,
    CreateMountpoint: s.boolean,
    ReadOnlyNonRecursive: s.boolean,
    ReadOnlyForceRecursive: s.boolean,
  }),
  VolumeOptions: s.struct("mount.VolumeOptions", {
    NoCopy: s.boolean,
    Labels: labels,
    Subpath: s.string,
    DriverConfig: s.struct("mount.Driver", { Name: s.string, Options: labels }),
  }),
  ImageOptions: s.struct("mount.ImageOptions", { Subpath: s.string }),
  TmpfsOptions: s.struct("mount.TmpfsOptions", {
    SizeBytes: s.int64,
    Mode: s.uint,
    Options: s.list(strings),
  }),
  ClusterOptions: s.struct("mount.ClusterOptions", {}),
});

const hostConfig = s.struct("container.HostConfig", {
  ...resourceFields,
  Binds: strings,
  ContainerIDFile: s.string,
  LogConfig: s.struct("container.LogConfig", { Type: s.string, Config: labels }),
  NetworkMode: s.stringNamed("container.NetworkMode"),
  PortBindings: s.map(s.list(s.struct("nat.PortBinding", { HostIp: s.string, HostPort: s.string })), "nat.PortMap"),
  RestartPolicy: restartPolicy,
  AutoRemove: s.boolean,
  VolumeDriver: s.string,
  VolumesFrom: strings,
  ConsoleSize: s.list(s.uint, "[2]uint"),
  Annotations: labels,
  CapAdd: s.stringsOrString,
  CapDrop: s.stringsOrString,
  CgroupnsMode: s.stringNamed("container.CgroupnsMode"),
  Dns: strings,
  DnsOptions: strings,
  DnsSearch: strings,
  ExtraHosts: strings,
  GroupAdd: strings,
  IpcMode: s.stringNamed("container.IpcMode"),
  Cgroup: s.stringNamed("container.CgroupSpec"),
  Links: strings,
  OomScoreAdj: s.int,
  PidMode: s.stringNamed("container.PidMode"),
  Privileged: s.boolean,
  PublishAllPorts: s.boolean,
  ReadonlyRootfs: s.boolean,
  SecurityOpt: strings,
  StorageOpt: labels,
  Tmpfs: labels,
  UTSMode: s.stringNamed("container.UTSMode"),
  UsernsMode: s.stringNamed("container.UsernsMode"),
  ShmSize: s.int64,
  Sysctls: labels,
  Runtime: s.string,
  Isolation: s.stringNamed("container.Isolation"),
  Mounts: s.list(mount),
  MaskedPaths: strings,
  ReadonlyPaths: strings,
  Init: s.boolean,
});

/** One network's settings of a container, in create and connect. */
export const endpointSettings = s.struct("network.EndpointSettings", {
  IPAMConfig: s.struct("network.EndpointIPAMConfig", {
    IPv4Address: s.string,
    IPv6Address: s.string,
    LinkLocalIPs: strings,
  }),
  Links: strings,
  Aliases: strings,
  MacAddress: s.string,
  DriverOpts: labels,
  GwPriority: s.int,
  NetworkID: s.string,
  EndpointID: s.string,
  Gateway: s.string,
  IPAddress: s.string,
  IPPrefixLen: s.int,
  IPv6Gateway: s.string,
  GlobalIPv6Address: s.string,
  GlobalIPv6PrefixLen: s.int,
  DNSNames: strings,
});

const networkingConfig = s.struct("network.NetworkingConfig", {
  EndpointsConfig: s.map(endpointSettings, "map[string]*network.EndpointSettings"),
});

export const containerCreate = s.struct("container.CreateRequest", {
  ...configFields,
  HostConfig: hostConfig,
  NetworkingConfig: networkingConfig,
}) as s.Shape<ContainerCreateBody>;

/** The config that a commit may change. */
export const containerConfig = s.struct("container.Config", configFields) as s.Shape<ContainerConfig>;

export const containerUpdate = s.struct("container.UpdateConfig", {
  ...resourceFields,
  RestartPolicy: restartPolicy,
}) as s.Shape<ContainerUpdateBody>;
