import { mirrorsOf, parseMirror } from "../../oci/distribution/mirror.ts";
import { rfc3339Nano } from "../../base/clock.ts";
import type { IndexInfo, SystemInfo } from "../../wire/engine/system.ts";
import type { SystemContext } from "./context.ts";
import { ipv4Forwarding, openDescriptors } from "./host.ts";
import { engineVersion } from "./identity.ts";
import { warnings } from "./warnings.ts";

/** The document of `/info`. **Source:** Engine API, SystemInfo; key for key what dockerd 28.5 writes. */
export const info = async (context: SystemContext): Promise<SystemInfo> => {
  const { config, host, cgroups } = context;
  const { running, paused, stopped, images } = context.counts();
  const has = (controller: string): boolean => cgroups.controllers.has(controller);
  const v2 = cgroups.version === 2;
  const memory = has("memory");
  return {
    ID: context.id,
    Containers: running + paused + stopped,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: stopped,
    Images: images,
    Driver: context.storage.name,
    DriverStatus: context.storage.status(),
    Plugins: {
      Volume: context.drivers.volume,
      Network: context.drivers.network,
      Authorization: null,
      Log: context.drivers.log,
    },
    MemoryLimit: memory,
    SwapLimit: memory,
    ...(v2 ? {} : { KernelMemoryTCP: memory }),
    CpuCfsPeriod: has("cpu"),
    CpuCfsQuota: has("cpu"),
    CPUShares: has("cpu"),
    CPUSet: has("cpuset"),
    PidsLimit: has("pids"),
    IPv4Forwarding: ipv4Forwarding(),
    Debug: config.debug,
    NFd: await openDescriptors(),
    OomKillDisable: memory && !v2,
    NGoroutines: process.getActiveResourcesInfo().length,
    SystemTime: rfc3339Nano(BigInt(Date.now()) * 1_000_000n),
    LoggingDriver: config.containers.logDriver,
    CgroupDriver: context.cgroupDriver,
    CgroupVersion: v2 ? "2" : "1",
    NEventsListener: context.eventReaders(),
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: "linux",
    Architecture: host.machine,
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(context),
    NCPU: host.cpus,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: config.dataRoot,
    HttpProxy: withoutPassword(config.images.httpProxy),
    HttpsProxy: withoutPassword(config.images.httpsProxy),
    NoProxy: config.images.noProxy,
    Name: host.name,
    Labels: config.labels,
    ExperimentalBuild: config.experimental,
    ServerVersion: engineVersion,
    Runtimes: context.runtimes(),
    DefaultRuntime: context.defaultRuntime(),
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: config.containers.initPath || "docker-init",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: "" },
    InitCommit: { ID: "" },
    SecurityOptions: securityOptions(context),
    ...(config.network.addressPools.length > 0
      ? { DefaultAddressPools: config.network.addressPools.map(({ base, size }) => ({ Base: base, Size: size })) }
      : {}),
    ...(context.firewallBackend === "" ? {} : { FirewallBackend: { Driver: context.firewallBackend } }),
    CDISpecDirs: [],
    Warnings: warnings(context),
  };
};

const securityOptions = ({ config, cgroups, apparmor, userNamespaces }: SystemContext): string[] => {
  const { seccompProfile, noNewPrivileges } = config.containers;
  return [
    ...(apparmor ? ["name=apparmor"] : []),
    `name=seccomp,profile=${seccompProfile}`,
    ...(userNamespaces ? ["name=userns"] : []),
    ...(noNewPrivileges ? ["name=no-new-privileges"] : []),
    ...(cgroups.version === 2 ? ["name=cgroupns"] : []),
  ];
};

const loopback = ["::1/128", "127.0.0.0/8"];

const hub = "docker.io";

/** Registries as Docker shows them: Docker Hub, and those that have mirrors of their own or are insecure. */
const registryConfig = ({ config }: SystemContext): SystemInfo["RegistryConfig"] => {
  const { insecureRegistries, registryMirrors } = config.images;
  const networks = insecureRegistries.filter((name) => /\/[0-9]+$/.test(name));
  const insecure = insecureRegistries.filter((name) => !networks.includes(name));
  const mirrored = registryMirrors.map((entry) => parseMirror(entry).registry).filter((name) => name !== "*");
  const indexOf = (name: string): [string, IndexInfo] => [
    name,
    {
      Name: name,
      Mirrors: mirrorsOf(name, registryMirrors).map(({ url }) => url.href),
      Secure: !insecure.includes(name),
      Official: name === hub,
    },
  ];
  const mirrors = mirrorsOf(hub, registryMirrors).map(({ url }) => url.href);
  return {
    IndexConfigs: Object.fromEntries([...new Set([...insecure, ...mirrored, hub])].map(indexOf)),
    InsecureRegistryCIDRs: [...loopback, ...networks],
    Mirrors: mirrors.length === 0 ? null : mirrors,
  };
};

/** A proxy's URL may carry a password; nobody who reads `/info` needs it. */
const withoutPassword = (proxy: string): string => {
  if (!URL.canParse(proxy)) return proxy;
  const url = new URL(proxy);
  if (url.username === "" && url.password === "") return proxy;
  url.username = "xxxxx";
  url.password = "xxxxx";
  return url.href;
};
