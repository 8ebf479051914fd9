import { isIP } from "node:net";
import { messageOf, systemError } from "../../base/errors.ts";
import { parseMirror } from "../../oci/distribution/mirror.ts";
import { type EngineConfig, type LogLevel, logLevels } from "./config.ts";
import { readConfigFile } from "./file.ts";
import { type CommandLine, parseFlags } from "./flags.ts";
import { options } from "./option.ts";

export interface LoadedConfig {
  config: EngineConfig;
  commandLine: CommandLine;
}

/**
 * The configuration from a command line (without the program's name) and the `daemon.json` it names.
 * @throws system in dockerd's words.
 */
export const loadConfig = (argv: readonly string[]): LoadedConfig => {
  const commandLine = parseFlags(argv);
  const values = new Map(options.map((option) => [option.flag, option.default]));
  const file = String(commandLine.values.get("config-file") ?? values.get("config-file"));
  const fromFile = commandLine.help || commandLine.version ? undefined : readConfigFile(file, commandLine.values);
  const runtimes = {
    ...(fromFile?.get("add-runtime") as object | undefined),
    ...(commandLine.values.get("add-runtime") as object | undefined),
  };
  for (const source of [fromFile, commandLine.values])
    for (const [flag, value] of source ?? []) values.set(flag, value);
  values.set("add-runtime", runtimes);
  const config = build(values);
  check(config);
  return { config, commandLine };
};

/** The configuration of a daemon with no flags and no file. Tests and embedders change what they need. */
export const defaultConfig = (): EngineConfig => build(new Map(options.map((option) => [option.flag, option.default])));

/** What SIGHUP may change is taken over from `newer`; the object stays, so its readers see it. */
export const applyReload = (config: EngineConfig, newer: EngineConfig): void => {
  const { debug, labels, shutdownTimeoutSeconds, containers, images } = newer;
  Object.assign(config, { debug, labels, shutdownTimeoutSeconds });
  const { defaultRuntime, runtimes } = containers;
  Object.assign(config.containers, { defaultRuntime, runtimes });
  const { insecureRegistries, registryMirrors, allowNondistributable, uploadChunkBytes } = images;
  const { maxConcurrentDownloads, maxConcurrentUploads, maxDownloadAttempts } = images;
  Object.assign(config.images, {
    insecureRegistries,
    registryMirrors,
    allowNondistributable,
    uploadChunkBytes,
    maxConcurrentDownloads,
    maxConcurrentUploads,
    maxDownloadAttempts,
  });
};

const build = (values: ReadonlyMap<string, unknown>): EngineConfig => {
  const get = <T>(flag: string): T => values.get(flag) as T;
  const copy = <T>(flag: string): T => structuredClone(get<T>(flag));
  return {
    hosts: copy("host"),
    group: get("group"),
    dataRoot: get("data-root"),
    execRoot: get("exec-root"),
    pidFile: get("pidfile"),
    claimDockerNames: get("claim-docker-names"),
    debug: get("debug"),
    logLevel: get("log-level"),
    logFormat: get("log-format"),
    labels: copy("label"),
    shutdownTimeoutSeconds: get("shutdown-timeout"),
    experimental: get("experimental"),
    network: {
      bridge: get("bridge"),
      bip: get("bip"),
      bip6: get("bip6"),
      fixedCidr: get("fixed-cidr"),
      fixedCidr6: get("fixed-cidr-v6"),
      defaultGateway: get("default-gateway"),
      defaultGateway6: get("default-gateway-v6"),
      ipv6: get("ipv6"),
      mtu: get("mtu"),
      icc: get("icc"),
      iptables: get("iptables"),
      ip6tables: get("ip6tables"),
      ipForward: get("ip-forward"),
      ipForwardNoDrop: get("ip-forward-no-drop"),
      ipMasq: get("ip-masq"),
      userlandProxy: get("userland-proxy"),
      allowDirectRouting: get("allow-direct-routing"),
      firewallBackend: get("firewall-backend"),
      publishAddress: get("ip"),
      addressPools: copy("default-address-pool"),
      dns: copy("dns"),
      dnsSearch: copy("dns-search"),
      dnsOptions: copy("dns-opt"),
      hostGatewayIps: copy("host-gateway-ip"),
    },
    containers: {
      defaultRuntime: get("default-runtime"),
      runtimes: copy("add-runtime"),
      cgroupDriver: cgroupDriver(get("exec-opt")),
      cgroupParent: get("cgroup-parent"),
      defaultCgroupnsMode: get("default-cgroupns-mode"),
      defaultIpcMode: get("default-ipc-mode"),
      defaultShmSizeBytes: get("default-shm-size"),
      defaultUlimits: copy("default-ulimit"),
      init: get("init"),
      initPath: get("init-path"),
      noNewPrivileges: get("no-new-privileges"),
      usernsRemap: get("userns-remap"),
      seccompProfile: get("seccomp-profile"),
      logDriver: get("log-driver"),
      logOptions: copy("log-opt"),
    },
    images: {
      storageDriver: get("storage-driver"),
      storageOptions: copy("storage-opt"),
      insecureRegistries: copy("insecure-registry"),
      registryMirrors: copy("registry-mirror"),
      allowNondistributable: copy("allow-nondistributable-artifacts"),
      keepLayerBlobs: get("keep-layer-blobs"),
      uploadChunkBytes: get("upload-chunk-size"),
      maxConcurrentDownloads: get("max-concurrent-downloads"),
      maxConcurrentUploads: get("max-concurrent-uploads"),
      maxDownloadAttempts: get("max-download-attempts"),
      httpProxy: get("http-proxy"),
      httpsProxy: get("https-proxy"),
      noProxy: get("no-proxy"),
    },
  };
};

const cgroupDriver = (execOptions: readonly string[]): EngineConfig["containers"]["cgroupDriver"] => {
  let driver: EngineConfig["containers"]["cgroupDriver"] = "";
  for (const option of execOptions) {
    const [key = "", value = ""] = option.split("=", 2);
    if (key.toLowerCase() !== "native.cgroupdriver") throw systemError(`invalid exec-opt: ${JSON.stringify(option)}`);
    if (value !== "cgroupfs" && value !== "systemd") {
      throw systemError(
        `invalid exec-opt: ${JSON.stringify(option)}: cgroup driver must be either "cgroupfs" or "systemd"`,
      );
    }
    driver = value;
  }
  return driver;
};

const oneOf = (what: string, value: string, known: readonly string[]): void => {
  if (!known.includes(value)) throw systemError(`invalid ${what}: ${value}`);
};

const check = (config: EngineConfig): void => {
  oneOf("logging level", config.logLevel, logLevels satisfies readonly LogLevel[]);
  if (!["text", "json"].includes(config.logFormat)) throw systemError(`invalid log format: ${config.logFormat}`);
  for (const label of config.labels) if (!label.includes("=")) throw systemError(`bad attribute format: ${label}`);
  const { network, containers, images } = config;
  for (const address of [...network.dns, ...network.hostGatewayIps]) {
    if (isIP(address) === 0) throw systemError(`invalid IP address: ${address}`);
  }
  if (isIP(network.publishAddress) === 0) throw systemError(`invalid IP address: ${network.publishAddress}`);
  if (network.bridge !== "" && network.bip !== "") {
    throw systemError("you specified -b & --bip, mutually exclusive options. Please specify only one");
  }
  if (!network.iptables && !network.icc) {
    throw systemError(
      "you specified --iptables=false with --icc=false. ICC=false uses iptables to function. Please set --icc or --iptables to true",
    );
  }
  if (network.mtu < 0) throw systemError(`invalid default MTU: ${network.mtu}`);
  if (!["", "iptables", "nftables"].includes(network.firewallBackend)) {
    throw systemError(`invalid firewall-backend "${network.firewallBackend}"`);
  }
  for (const { base, size } of network.addressPools) {
    const [address = "", bits = ""] = base.split("/");
    const widest = isIP(address) === 6 ? 128 : 32;
    if (isIP(address) === 0 || !/^[0-9]+$/.test(bits) || Number(bits) > widest) {
      throw systemError(`invalid base pool ${JSON.stringify(base)}: invalid CIDR address: ${base}`);
    }
    if (size < Number(bits) || size > widest) {
      throw systemError(`the size of pools (${size}) must be greater than or equal to the base (${bits})`);
    }
  }
  const cgroupModes = ["", "host", "private"];
  if (!cgroupModes.includes(containers.defaultCgroupnsMode)) {
    throw systemError(`default cgroup namespace mode "${containers.defaultCgroupnsMode}" not supported`);
  }
  if (!["private", "shareable"].includes(containers.defaultIpcMode)) {
    throw systemError(`IPC mode "${containers.defaultIpcMode}" is not supported as default value`);
  }
  for (const mirror of images.registryMirrors) checkMirror(mirror);
  if (images.maxConcurrentDownloads < 0) {
    throw systemError(`invalid max concurrent downloads: ${images.maxConcurrentDownloads}`);
  }
  if (images.maxConcurrentUploads < 0)
    throw systemError(`invalid max concurrent uploads: ${images.maxConcurrentUploads}`);
  if (images.maxDownloadAttempts <= 0)
    throw systemError(`invalid max download attempts: ${images.maxDownloadAttempts}`);
};

const checkMirror = (mirror: string): void => {
  try {
    parseMirror(mirror);
  } catch (error) {
    throw systemError(messageOf(error), error);
  }
};
