import { basicAuthorization } from "../../oci/distribution/credentials.ts";
import type {
  ListenAddress,
  RegistryConfig,
  S3Config,
  StorageConfig,
  TlsConfig,
  UpstreamConfig,
  WebhookConfig,
} from "./config.ts";
import { Section } from "./document.ts";

const defaultRoot = "/var/lib/berth-registry";
const defaultAddress = "127.0.0.1:5000";
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const minChunkBytes = 5 * 1024 * 1024;

/** @throws Error for anything but `host:port`, `:port` or `[v6]:port`. */
export const readAddress = (text: string): ListenAddress => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new Error(`configuration: ${JSON.stringify(text)} is not host:port`);
  return { host: match[1] ?? match[2] ?? "", port };
};

const tlsOf = (section: Section): TlsConfig | undefined => {
  if (!section.isPresent || section.at("certificate").text() === undefined) return undefined;
  const minimum = section.at("minimumtls").oneOf("tls1.2", "tls1.3") ?? "tls1.2";
  return {
    certificate: section.at("certificate").required(),
    key: section.at("key").required(),
    clientCas: section
      .at("clientcas")
      .items()
      .map((item) => item.required()),
    minimumVersion: minimum === "tls1.3" ? "TLSv1.3" : "TLSv1.2",
  };
};

const s3Of = (section: Section): S3Config => {
  const endpoint = section.at("regionendpoint").text();
  const secure = section.at("secure").flag(true);
  return {
    bucket: section.at("bucket").required(),
    region: section.at("region").text() ?? "us-east-1",
    endpoint:
      endpoint === undefined || /^https?:\/\//.test(endpoint) ? endpoint : `${secure ? "https" : "http"}://${endpoint}`,
    accessKey: section.at("accesskey").text(),
    secretKey: section.at("secretkey").text(),
    forcePathStyle: section.at("forcepathstyle").flag(endpoint !== undefined),
    rootDirectory: (section.at("rootdirectory").text() ?? "").replaceAll(/^\/+|\/+$/g, ""),
    chunkBytes: Math.max(section.at("chunksize").bytes() ?? 0, 2 * minChunkBytes),
  };
};

const storageOf = (section: Section): StorageConfig => {
  if (section.at("s3").isPresent) return { kind: "s3", s3: s3Of(section.at("s3")) };
  for (const other of ["azure", "gcs", "swift", "oss", "inmemory"]) {
    if (section.at(other).isPresent) throw new Error(`configuration: storage.${other} is not supported`);
  }
  return { kind: "filesystem" };
};

const authOf = (section: Section): RegistryConfig["auth"] => {
  const htpasswd = section.at("htpasswd");
  const token = section.at("token");
  if (section.at("silly").isPresent) throw new Error("configuration: auth.silly is not supported");
  if (htpasswd.isPresent && token.isPresent) throw new Error("configuration: auth has more than one kind");
  if (htpasswd.isPresent) {
    return {
      kind: "htpasswd",
      realm: htpasswd.at("realm").text() ?? "Registry Realm",
      path: htpasswd.at("path").required(),
    };
  }
  if (!token.isPresent) return undefined;
  return {
    kind: "token",
    realm: token.at("realm").required(),
    service: token.at("service").required(),
    issuer: token.at("issuer").required(),
    rootCertificates: token.at("rootcertbundle").text(),
    jwks: token.at("jwks").text(),
    autoRedirect: token.at("autoredirect").flag(false),
  };
};

const checkUrl = (text: string): string => {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new Error(`configuration: ${JSON.stringify(text)} is no http or https URL`);
  }
  return text;
};

/** Takes name and password out of a URL: it is shown in logs, they are not. */
const splitUrl = (text: string): { url: string; login: { username: string; password: string } | undefined } => {
  const url = new URL(checkUrl(text));
  if (url.username === "" && url.password === "") return { url: text, login: undefined };
  const login = { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  url.username = url.password = "";
  return { url: url.href, login };
};

const upstreamsOf = (section: Section): UpstreamConfig[] => {
  const one = (part: Section, namespace: string | undefined): UpstreamConfig => {
    const { url, login } = splitUrl(part.at("remoteurl").required());
    const [username, password] = [part.at("username").text(), part.at("password").text()];
    return { namespace, url, ...(username === undefined && login !== undefined ? login : { username, password }) };
  };
  const single = section.at("remoteurl").isPresent ? [one(section, undefined)] : [];
  const named = section.at("upstreams").items();
  return [...single, ...named.map((part) => one(part, part.at("namespace").text()))];
};

const webhookOf = (section: Section, index: number): WebhookConfig => {
  const names = (part: Section): Set<string> => new Set(part.items().map((item) => item.required()));
  const { url, login } = splitUrl(section.at("url").required());
  const basic = login === undefined ? [] : [["authorization", basicAuthorization(login) ?? ""]];
  return {
    name: section.at("name").text() ?? `endpoint-${index}`,
    url,
    headers: Object.fromEntries([
      ...basic,
      ...section
        .at("headers")
        .entries()
        .map(([name, values]) => [name.toLowerCase(), values.join(", ")]),
    ]),
    timeoutMs: section.at("timeout").durationMs() ?? 5_000,
    backoffMs: Math.max(section.at("backoff").durationMs() ?? 1_000, 10),
    ignoredMediaTypes: new Set([
      ...names(section.at("ignoredmediatypes")),
      ...names(section.at("ignore", "mediatypes")),
    ]),
    ignoredActions: names(section.at("ignore", "actions")),
  };
};

/**
 * What a document means: docker-registry's config.yml, and sections that only this registry has (`quota`, `gc`,
 * `proxy.upstreams`).
 *
 * @param deleteByDefault whether deleting is on when the document does not say; off for docker-registry's files
 * @throws Error that names the entry that does not fit.
 * **Source:** docker-registry's manual, Configuring a registry.
 */
export const interpret = (document: unknown, deleteByDefault: boolean): RegistryConfig => {
  const top = new Section(document);
  const [http, storage, gc] = [top.at("http"), top.at("storage"), top.at("gc")];
  const purging = storage.at("maintenance", "uploadpurging");
  const debug = http.at("debug", "addr").text();
  const prometheus = http.at("debug", "prometheus", "enabled").flag(false);
  const interval = gc.at("interval").durationMs() ?? dayMs;
  const upstreams = upstreamsOf(top.at("proxy"));
  return {
    listen: readAddress(http.at("addr").text() ?? defaultAddress),
    debugListen: debug === undefined || debug === "" ? undefined : readAddress(debug),
    metricsPath: prometheus ? (http.at("debug", "prometheus", "path").text() ?? "/metrics") : undefined,
    tls: tlsOf(http.at("tls")),
    root: storage.at("filesystem", "rootdirectory").text() ?? storage.at("s3", "localdirectory").text() ?? defaultRoot,
    storage: storageOf(storage),
    deleteEnabled: storage.at("delete", "enabled").flag(deleteByDefault),
    readOnly: storage.at("maintenance", "readonly", "enabled").flag(false),
    relativeUrls: http.at("relativeurls").flag(false),
    publicUrl: http.at("host").isPresent ? checkUrl(http.at("host").required()).replace(/\/+$/, "") : undefined,
    headers: http.at("headers").entries(),
    auth: authOf(top.at("auth")),
    upstreams,
    tagLifetimeMs: top.at("proxy", "taglifetime").durationMs() ?? 0,
    webhooks: top
      .at("notifications", "endpoints")
      .items()
      .filter((item) => !item.at("disabled").flag(false))
      .map(webhookOf),
    checks: checksOf(top.at("validation"), upstreams.length > 0),
    quota: {
      registryBytes: top.at("quota", "registry").bytes(),
      repositoryBytes: top.at("quota", "repository").bytes(),
    },
    collection: {
      intervalMs: interval > 0 ? interval : undefined,
      graceMs: gc.at("grace").durationMs() ?? hourMs,
      untagged: gc.at("untagged").flag(false),
      uploadAgeMs: purging.at("enabled").flag(true) ? (purging.at("age").durationMs() ?? 7 * dayMs) : Infinity,
    },
    proxyLifetimeMs: top.at("proxy", "ttl").durationMs() ?? 7 * dayMs,
    log: {
      level: top.at("log", "level").oneOf("debug", "info", "warn", "error") ?? "info",
      format: top.at("log", "formatter").text() === "json" ? "json" : "text",
    },
    accessLog: !top.at("log", "accesslog", "disabled").flag(true),
  };
};

const checksOf = (section: Section, isCache: boolean): RegistryConfig["checks"] => {
  if (isCache || section.at("disabled").flag(false)) return { blobs: false, manifests: false };
  return { blobs: true, manifests: section.at("manifests", "indexes", "platforms").text() !== "none" };
};
