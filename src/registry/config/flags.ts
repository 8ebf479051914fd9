/** One flag: where its value goes in the document, and what the help says. */
export interface FlagSpec {
  name: string;
  /** The kind of its value; none for a switch. */
  value?: string;
  list?: boolean;
  path: readonly string[];
  /** What a switch sets. */
  sets?: string;
  help: string;
}

export const flags: readonly FlagSpec[] = [
  { name: "addr", value: "HOST:PORT", path: ["http", "addr"], help: "Where to listen (default 127.0.0.1:5000)" },
  {
    name: "root",
    value: "DIR",
    path: ["storage", "filesystem", "rootdirectory"],
    help: "Where content is kept (default /var/lib/berth-registry)",
  },
  { name: "tls-cert", value: "FILE", path: ["http", "tls", "certificate"], help: "Certificate; HTTPS with --tls-key" },
  { name: "tls-key", value: "FILE", path: ["http", "tls", "key"], help: "Key of the certificate" },
  {
    name: "tls-client-ca",
    value: "FILE",
    list: true,
    path: ["http", "tls", "clientcas"],
    help: "Authority whose certificates clients must have (repeatable)",
  },
  { name: "public-url", value: "URL", path: ["http", "host"], help: "Where clients see this registry" },
  {
    name: "htpasswd",
    value: "FILE",
    path: ["auth", "htpasswd", "path"],
    help: "Names and bcrypt hashes of who may come in",
  },
  { name: "token-realm", value: "URL", path: ["auth", "token", "realm"], help: "Token server" },
  { name: "token-service", value: "NAME", path: ["auth", "token", "service"], help: "This registry's name in tokens" },
  { name: "token-issuer", value: "NAME", path: ["auth", "token", "issuer"], help: "The token server's name in tokens" },
  {
    name: "token-certs",
    value: "FILE",
    path: ["auth", "token", "rootcertbundle"],
    help: "Certificates or public keys that tokens are signed with",
  },
  { name: "token-jwks", value: "FILE", path: ["auth", "token", "jwks"], help: "The same as a JWK set" },
  {
    name: "read-only",
    path: ["storage", "maintenance", "readonly", "enabled"],
    sets: "true",
    help: "Take no pushes and deletes",
  },
  { name: "no-delete", path: ["storage", "delete", "enabled"], sets: "false", help: "Take no deletes" },
  {
    name: "proxy",
    value: "[NAME=]URL",
    list: true,
    path: ["proxy", "upstreams"],
    help: "Be a cache of that registry (repeatable: NAME is what clients say in ns=)",
  },
  {
    name: "config",
    value: "FILE",
    path: [],
    help: "The same as CONFIG",
  },
  { name: "quota", value: "SIZE", path: ["quota", "registry"], help: "The most that is stored (10GiB)" },
  { name: "repository-quota", value: "SIZE", path: ["quota", "repository"], help: "The most in one repository" },
  { name: "metrics", value: "HOST:PORT", path: ["http", "debug", "addr"], help: "Serve Prometheus metrics there" },
  {
    name: "gc-interval",
    value: "DURATION",
    path: ["gc", "interval"],
    help: "Between collections (default 24h, 0: none)",
  },
  { name: "gc-grace", value: "DURATION", path: ["gc", "grace"], help: "Unused content stays so long (default 1h)" },
  { name: "gc-untagged", path: ["gc", "untagged"], sets: "true", help: "Collect manifests without a tag, too" },
  { name: "access-log", path: ["log", "accesslog", "disabled"], sets: "false", help: "Log every request" },
  { name: "log-level", value: "LEVEL", path: ["log", "level"], help: "debug, info, warn or error (default info)" },
];

export const helpText = (): string => {
  const rows = flags.map(
    ({ name, value, help }) => `      --${`${name}${value ? ` ${value}` : ""}`.padEnd(28)}${help}`,
  );
  return [
    "Usage:  berth-registry [serve] [OPTIONS] [CONFIG]",
    "        berth-registry gc [OPTIONS] [CONFIG]",
    "",
    "A private registry. CONFIG is YAML or JSON, also a config.yml of docker-registry.",
    "gc removes what no manifest needs, in the running registry or, when none runs, in its folder.",
    "",
    "Options:",
    ...rows,
    "  -h, --help                          Show this text",
    "      --version                       Show the version",
    "",
  ].join("\n");
};
