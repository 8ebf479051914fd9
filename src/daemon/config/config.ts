/** How the engine is to run: what flags and `daemon.json` say, checked and typed. Sizes in bytes. */
export interface EngineConfig {
  /** Where the API listens, as `--host` takes it. Empty: the engine's own default sockets. */
  hosts: string[];
  /** Who may use unix sockets. */
  group: string;
  /** Everything that outlives a reboot. */
  dataRoot: string;
  /** Sockets, pid files and mounts of running containers; gone after a reboot. */
  execRoot: string;
  pidFile: string;
  /** Take Docker's names (docker0, chains DOCKER…, /run/docker.sock) although another engine has left traces. */
  claimDockerNames: boolean;
  debug: boolean;
  logLevel: LogLevel;
  logFormat: "text" | "json";
  /** `key=value`, shown by `/info`. */
  labels: string[];
  /** How long an orderly shutdown may take. */
  shutdownTimeoutSeconds: number;
  experimental: boolean;
  network: NetworkConfig;
  containers: ContainerDefaults;
  images: ImageConfig;
}

export const logLevels = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface AddressPool {
  /** `172.17.0.0/16` */
  base: string;
  /** The prefix length of each network taken from it. */
  size: number;
}

export interface NetworkConfig {
  /** The default bridge's name; "" for the engine's own, "none" for no bridge at all. */
  bridge: string;
  /** The default bridge's address with its prefix length; "" to choose one. */
  bip: string;
  bip6: string;
  fixedCidr: string;
  fixedCidr6: string;
  defaultGateway: string;
  defaultGateway6: string;
  /** The default bridge has IPv6. */
  ipv6: boolean;
  mtu: number;
  /** Containers on the default bridge reach one another. */
  icc: boolean;
  iptables: boolean;
  ip6tables: boolean;
  ipForward: boolean;
  ipForwardNoDrop: boolean;
  ipMasq: boolean;
  /** Accepted and without effect: no port needs a proxy. */
  userlandProxy: boolean;
  allowDirectRouting: boolean;
  /** "" to choose. */
  firewallBackend: "" | "iptables" | "nftables";
  /** The host address that ports are published on when none is given. */
  publishAddress: string;
  addressPools: AddressPool[];
  dns: string[];
  dnsSearch: string[];
  dnsOptions: string[];
  /** What `host-gateway` stands for; empty: the default bridge's addresses. */
  hostGatewayIps: string[];
}

export interface RuntimeConfig {
  path: string;
  args: string[];
}

export interface Ulimit {
  Name: string;
  Hard: number;
  Soft: number;
}

export interface ContainerDefaults {
  defaultRuntime: string;
  /** Runtimes added to those that are found on the machine. */
  runtimes: Record<string, RuntimeConfig>;
  /** "" to choose: systemd where it runs and cgroups are v2, else cgroupfs. */
  cgroupDriver: "" | "cgroupfs" | "systemd";
  cgroupParent: string;
  /** "" to choose: private on cgroup v2, host on v1. */
  defaultCgroupnsMode: "" | "host" | "private";
  defaultIpcMode: "private" | "shareable";
  defaultShmSizeBytes: number;
  defaultUlimits: Record<string, Ulimit>;
  init: boolean;
  initPath: string;
  noNewPrivileges: boolean;
  /** Whose subordinate ids containers have: `default`, `user[:group]`, `uid[:gid]`; "" for no user namespaces. */
  usernsRemap: string;
  /** "builtin", "unconfined" or a file. */
  seccompProfile: string;
  logDriver: string;
  logOptions: Record<string, string>;
}

export interface ImageConfig {
  /** "" to choose. */
  storageDriver: string;
  storageOptions: string[];
  insecureRegistries: string[];
  /** `URL` for Docker Hub, `HOST=URL` or `*=URL`. */
  registryMirrors: string[];
  /** Registries that layers which may not be distributed are pushed to: hosts and networks. */
  allowNondistributable: string[];
  /** Keep the compressed bytes that layers came as. */
  keepLayerBlobs: boolean;
  /** Upload layers in chunks of so many bytes; 0 for each in one request. */
  uploadChunkBytes: number;
  maxConcurrentDownloads: number;
  maxConcurrentUploads: number;
  maxDownloadAttempts: number;
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
}
