/** The values an option may take; each kind reads flags and `daemon.json` in a way of its own. */
export type OptionKind = "string" | "boolean" | "integer" | "bytes" | "list" | "map" | "runtimes" | "ulimits" | "pools";

/** One option of the daemon: a flag, a key of `daemon.json`, or both. */
export interface Option {
  /** Without dashes. */
  flag: string;
  short?: string;
  /** The key in `daemon.json`; the flag's name when absent, none when null. */
  key?: string | null;
  kind: OptionKind;
  default: unknown;
  help: string;
  /** May change on SIGHUP. */
  reload?: true;
}

export const keyOf = (option: Option): string | null => (option.key === undefined ? option.flag : option.key);

const text = (flag: string, value: string, help: string, more: Partial<Option> = {}): Option => ({
  flag,
  kind: "string",
  default: value,
  help,
  ...more,
});
const yes = (flag: string, value: boolean, help: string, more: Partial<Option> = {}): Option => ({
  flag,
  kind: "boolean",
  default: value,
  help,
  ...more,
});
const whole = (flag: string, value: number, help: string, more: Partial<Option> = {}): Option => ({
  flag,
  kind: "integer",
  default: value,
  help,
  ...more,
});
const several = (flag: string, key: string, help: string, more: Partial<Option> = {}): Option => ({
  flag,
  key,
  kind: "list",
  default: [],
  help,
  ...more,
});

/** Every option, by flag. **Source:** dockerd's own options; `--claim-docker-names`, `--keep-layer-blobs`,
 * `--upload-chunk-size` and mirrors of other registries are Berth's. */
export const options: readonly Option[] = [
  {
    flag: "add-runtime",
    key: "runtimes",
    kind: "runtimes",
    default: {},
    help: "Register an additional OCI compatible runtime",
    reload: true,
  },
  yes("allow-direct-routing", false, "Allow remote access to published ports on container IP addresses"),
  several(
    "allow-nondistributable-artifacts",
    "allow-nondistributable-artifacts",
    "Allow push of nondistributable artifacts to registry",
    { reload: true },
  ),
  text("bip", "", "IPv4 address for the default bridge"),
  text("bip6", "", "IPv6 address for the default bridge"),
  text("bridge", "", "Attach containers to a network bridge", { short: "b" }),
  text("cgroup-parent", "", "Set parent cgroup for all containers"),
  yes("claim-docker-names", false, "Take Docker's names and socket although another engine has left traces"),
  text("config-file", "/etc/berth/daemon.json", "Daemon configuration file", { key: null }),
  text("data-root", "/var/lib/berth", "Root directory of persistent state"),
  yes("debug", false, "Enable debug mode", { short: "D", reload: true }),
  {
    flag: "default-address-pool",
    key: "default-address-pools",
    kind: "pools",
    default: [],
    help: "Default address pools for node specific local networks",
  },
  text("default-cgroupns-mode", "", 'Default mode for containers cgroup namespace ("host" | "private")'),
  text("default-gateway", "", "Default gateway IPv4 address for the default bridge network"),
  text("default-gateway-v6", "", "Default gateway IPv6 address for the default bridge network"),
  text("default-ipc-mode", "private", 'Default mode for containers ipc ("shareable" | "private")'),
  text("default-runtime", "", "Default OCI runtime for containers", { reload: true }),
  { flag: "default-shm-size", kind: "bytes", default: 64 * 1024 * 1024, help: "Default shm size for containers" },
  {
    flag: "default-ulimit",
    key: "default-ulimits",
    kind: "ulimits",
    default: {},
    help: "Default ulimits for containers",
  },
  several("dns", "dns", "DNS server to use"),
  several("dns-opt", "dns-opts", "DNS options to use"),
  several("dns-search", "dns-search", "DNS search domains to use"),
  several("exec-opt", "exec-opts", "Runtime execution options"),
  text("exec-root", "/run/berth", "Root directory for execution state files"),
  yes("experimental", false, "Enable experimental features"),
  text("firewall-backend", "", 'Firewall backend to use, "iptables" or "nftables"'),
  text("fixed-cidr", "", "IPv4 subnet for the default bridge network"),
  text("fixed-cidr-v6", "", "IPv6 subnet for the default bridge network"),
  text("group", "docker", "Group for the unix socket", { short: "G" }),
  several("host", "hosts", "Daemon socket(s) to connect to", { short: "H" }),
  several(
    "host-gateway-ip",
    "host-gateway-ips",
    "IP addresses that the special 'host-gateway' string in --add-host resolves to",
  ),
  text("http-proxy", "", "HTTP proxy URL to use for outgoing traffic"),
  text("https-proxy", "", "HTTPS proxy URL to use for outgoing traffic"),
  yes("icc", true, "Enable inter-container communication for the default bridge network"),
  yes("init", false, "Run an init in the container to forward signals and reap processes"),
  text("init-path", "", "Path to the init binary"),
  several("insecure-registry", "insecure-registries", "Enable insecure registry communication", { reload: true }),
  text("ip", "0.0.0.0", "Host IP for port publishing from the default bridge network"),
  yes("ip-forward", true, "Enable IP forwarding in system configuration"),
  yes("ip-forward-no-drop", false, "Do not set the filter-FORWARD policy to DROP when enabling IP forwarding"),
  yes("ip-masq", true, "Enable IP masquerading for the default bridge network"),
  yes("ip6tables", true, "Enable addition of ip6tables rules"),
  yes("iptables", true, "Enable addition of iptables rules"),
  yes("ipv6", false, "Enable IPv6 networking for the default bridge network"),
  yes("keep-layer-blobs", false, "Keep the compressed bytes that layers were pulled as, besides their files"),
  several("label", "labels", "Set key=value labels to the daemon", { reload: true }),
  yes("live-restore", true, "Containers outlive the daemon; this engine has it always on", { reload: true }),
  text("log-driver", "json-file", "Default driver for container logs"),
  text("log-format", "text", 'Set the logging format ("text"|"json")'),
  text("log-level", "info", 'Set the logging level ("debug"|"info"|"warn"|"error"|"fatal")', { short: "l" }),
  { flag: "log-opt", key: "log-opts", kind: "map", default: {}, help: "Default log driver options for containers" },
  whole("max-concurrent-downloads", 3, "Set the max concurrent downloads", { reload: true }),
  whole("max-concurrent-uploads", 5, "Set the max concurrent uploads", { reload: true }),
  whole("max-download-attempts", 5, "Set the max download attempts for each pull", { reload: true }),
  whole("mtu", 1500, 'Set the MTU for the default "bridge" network'),
  yes("no-new-privileges", false, "Set no-new-privileges by default for new containers"),
  text("no-proxy", "", "Comma-separated list of hosts or IP addresses for which the proxy is skipped"),
  text("pidfile", "/run/berth.pid", "Path to use for daemon PID file", { short: "p" }),
  several(
    "registry-mirror",
    "registry-mirrors",
    "Preferred registry mirror: URL for Docker Hub, HOST=URL, or *=URL for all",
    { reload: true },
  ),
  text(
    "seccomp-profile",
    "builtin",
    'Path to seccomp profile. Set to "unconfined" to disable the default seccomp profile',
  ),
  whole("shutdown-timeout", 15, "Set the default shutdown timeout", { reload: true }),
  text("storage-driver", "", "Storage driver to use", { short: "s" }),
  several("storage-opt", "storage-opts", "Storage driver options"),
  {
    flag: "upload-chunk-size",
    kind: "bytes",
    default: 0,
    help: "Upload layers in chunks of this size; 0 for each in one request",
    reload: true,
  },
  yes("userland-proxy", false, "Accepted; no published port needs a proxy here"),
  text("userns-remap", "", "User/Group setting for user namespaces"),
];

/** What dockerd has and this engine does not: refused by name, so that nobody believes it has an effect. */
export const unsupported: readonly string[] = [
  "authorization-plugin",
  "authorization-plugins",
  "builder",
  "cdi-spec-dir",
  "cdi-spec-dirs",
  "containerd",
  "containerd-namespace",
  "containerd-namespaces",
  "containerd-plugins-namespace",
  "cpu-rt-period",
  "cpu-rt-runtime",
  "cri-containerd",
  "default-network-opt",
  "default-network-opts",
  "feature",
  "features",
  "metrics-addr",
  "network-control-plane-mtu",
  "node-generic-resource",
  "node-generic-resources",
  "raw-logs",
  "rootless",
  "selinux-enabled",
  "swarm-default-advertise-addr",
  "tls",
  "tlscacert",
  "tlscert",
  "tlskey",
  "tlsverify",
  "userland-proxy-path",
];
