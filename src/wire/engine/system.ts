// The Engine API's JSON as it is on the wire, API 1.51. Types only; absent and null mean the same to a Go client.
// Source: Engine API definitions v1.51.
import type { ObjectVersion } from "./volume.ts";

export interface SystemInfo {
  ID?: string;
  Containers?: number;
  ContainersRunning?: number;
  ContainersPaused?: number;
  ContainersStopped?: number;
  Images?: number;
  Driver?: string;
  DriverStatus?: string[][] | null;
  DockerRootDir?: string;
  Plugins?: PluginsInfo | null;
  MemoryLimit?: boolean;
  SwapLimit?: boolean;
  KernelMemoryTCP?: boolean;
  CpuCfsPeriod?: boolean;
  CpuCfsQuota?: boolean;
  CPUShares?: boolean;
  CPUSet?: boolean;
  PidsLimit?: boolean;
  OomKillDisable?: boolean;
  IPv4Forwarding?: boolean;
  Debug?: boolean;
  NFd?: number;
  NGoroutines?: number;
  SystemTime?: string;
  LoggingDriver?: string;
  CgroupDriver?: "cgroupfs" | "systemd" | "none";
  CgroupVersion?: "1" | "2";
  NEventsListener?: number;
  KernelVersion?: string;
  OperatingSystem?: string;
  OSVersion?: string;
  OSType?: string;
  Architecture?: string;
  NCPU?: number;
  MemTotal?: number;
  IndexServerAddress?: string;
  RegistryConfig?: RegistryServiceConfig | null;
  GenericResources?: GenericResources | null;
  HttpProxy?: string;
  HttpsProxy?: string;
  NoProxy?: string;
  Name?: string;
  Labels?: string[] | null;
  ExperimentalBuild?: boolean;
  ServerVersion?: string;
  Runtimes?: Record<string, Runtime | null> | null;
  DefaultRuntime?: string;
  Swarm?: SwarmInfo | null;
  LiveRestoreEnabled?: boolean;
  Isolation?: "default" | "hyperv" | "process" | "";
  InitBinary?: string;
  ContainerdCommit?: Commit | null;
  RuncCommit?: Commit | null;
  InitCommit?: Commit | null;
  SecurityOptions?: string[] | null;
  ProductLicense?: string;
  DefaultAddressPools?: Array<{
    Base?: string;
    Size?: number;
  }> | null;
  FirewallBackend?: FirewallInfo | null;
  DiscoveredDevices?: DeviceInfo[] | null;
  Warnings?: string[] | null;
  CDISpecDirs?: string[] | null;
  Containerd?: ContainerdInfo | null;
}

export interface PluginsInfo {
  Volume?: string[] | null;
  Network?: string[] | null;
  Authorization?: string[] | null;
  Log?: string[] | null;
}

export interface RegistryServiceConfig {
  InsecureRegistryCIDRs?: string[] | null;
  IndexConfigs?: Record<string, IndexInfo | null> | null;
  Mirrors?: string[] | null;
}

export interface IndexInfo {
  Name?: string;
  Mirrors?: string[] | null;
  Secure?: boolean;
  Official?: boolean;
}

export type GenericResources = Array<{
  NamedResourceSpec?: {
    Kind?: string;
    Value?: string;
  } | null;
  DiscreteResourceSpec?: {
    Kind?: string;
    Value?: number;
  } | null;
}>;

export interface Runtime {
  path?: string;
  runtimeArgs?: string[] | null;
  status?: Record<string, string> | null;
}

export interface SwarmInfo {
  NodeID?: string;
  NodeAddr?: string;
  LocalNodeState?: LocalNodeState;
  ControlAvailable?: boolean;
  Error?: string;
  RemoteManagers?: PeerNode[] | null;
  Nodes?: number | null;
  Managers?: number | null;
  Cluster?: ClusterInfo | null;
}

export type LocalNodeState = "" | "inactive" | "pending" | "active" | "error" | "locked";

export interface PeerNode {
  NodeID?: string;
  Addr?: string;
}

export interface ClusterInfo {
  ID?: string;
  Version?: ObjectVersion | null;
  CreatedAt?: string;
  UpdatedAt?: string;
  Spec?: SwarmSpec | null;
  TLSInfo?: TLSInfo | null;
  RootRotationInProgress?: boolean;
  DataPathPort?: number;
  DefaultAddrPool?: string[] | null;
  SubnetSize?: number;
}

export interface SwarmSpec {
  Name?: string;
  Labels?: Record<string, string> | null;
  Orchestration?: {
    TaskHistoryRetentionLimit?: number;
  } | null;
  Raft?: {
    SnapshotInterval?: number;
    KeepOldSnapshots?: number;
    LogEntriesForSlowFollowers?: number;
    ElectionTick?: number;
    HeartbeatTick?: number;
  } | null;
  Dispatcher?: {
    HeartbeatPeriod?: number;
  } | null;
  CAConfig?: {
    NodeCertExpiry?: number;
    ExternalCAs?: Array<{
      Protocol?: "cfssl";
      URL?: string;
      Options?: Record<string, string> | null;
      CACert?: string;
    }> | null;
    SigningCACert?: string;
    SigningCAKey?: string;
    ForceRotate?: number;
  } | null;
  EncryptionConfig?: {
    AutoLockManagers?: boolean;
  } | null;
  TaskDefaults?: {
    LogDriver?: {
      Name?: string;
      Options?: Record<string, string> | null;
    } | null;
  } | null;
}

export interface TLSInfo {
  TrustRoot?: string;
  CertIssuerSubject?: string;
  CertIssuerPublicKey?: string;
}

export interface Commit {
  ID?: string;
}

export interface FirewallInfo {
  Driver?: string;
  Info?: string[][] | null;
}

export interface DeviceInfo {
  Source?: string;
  ID?: string;
}

export interface ContainerdInfo {
  Address?: string;
  Namespaces?: {
    Containers?: string;
    Plugins?: string;
  } | null;
}

export interface SystemVersion {
  Platform?: {
    Name?: string;
  } | null;
  Components?: Array<{
    Name?: string;
    Version?: string;
    Details?: Record<string, unknown> | null;
  }> | null;
  Version?: string;
  ApiVersion?: string;
  MinAPIVersion?: string;
  GitCommit?: string;
  GoVersion?: string;
  Os?: string;
  Arch?: string;
  KernelVersion?: string;
  Experimental?: boolean;
  BuildTime?: string;
}

export interface EventMessage {
  Type?:
    | "builder"
    | "config"
    | "container"
    | "daemon"
    | "image"
    | "network"
    | "node"
    | "plugin"
    | "secret"
    | "service"
    | "volume";
  Action?: string;
  Actor?: EventActor | null;
  scope?: "local" | "swarm";
  time?: number;
  timeNano?: number;
}

export interface EventActor {
  ID?: string;
  Attributes?: Record<string, string> | null;
}

export interface ErrorResponse {
  message?: string;
}
