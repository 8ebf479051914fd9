import type { Level } from "../../base/logger.ts";

export interface ListenAddress {
  /** Empty for every address. */
  host: string;
  port: number;
}

export interface TlsConfig {
  certificate: string;
  key: string;
  /** Files of authorities; clients must show a certificate of one when there are any. */
  clientCas: string[];
  minimumVersion: "TLSv1.2" | "TLSv1.3";
}

export interface S3Config {
  bucket: string;
  region: string;
  endpoint: string | undefined;
  accessKey: string | undefined;
  secretKey: string | undefined;
  forcePathStyle: boolean;
  /** A key prefix, without slashes around it. */
  rootDirectory: string;
  chunkBytes: number;
}

export type StorageConfig = { kind: "filesystem" } | { kind: "s3"; s3: S3Config };

export interface HtpasswdConfig {
  kind: "htpasswd";
  realm: string;
  path: string;
}

export interface TokenConfig {
  kind: "token";
  realm: string;
  service: string;
  issuer: string;
  /** A file of PEM certificates or public keys. */
  rootCertificates: string | undefined;
  /** A file with a JWK set. */
  jwks: string | undefined;
  autoRedirect: boolean;
}

export interface UpstreamConfig {
  /** What clients say in `ns=`; undefined for the one that is meant when they say nothing. */
  namespace: string | undefined;
  url: string;
  username: string | undefined;
  password: string | undefined;
}

export interface WebhookConfig {
  name: string;
  url: string;
  headers: Record<string, string>;
  timeoutMs: number;
  backoffMs: number;
  ignoredMediaTypes: ReadonlySet<string>;
  ignoredActions: ReadonlySet<string>;
}

/** How a registry runs. */
export interface RegistryConfig {
  listen: ListenAddress;
  /** Where `/metrics` and `/debug/health` are; nowhere when undefined. */
  debugListen: ListenAddress | undefined;
  metricsPath: string | undefined;
  tls: TlsConfig | undefined;
  /** The folder of uploads and, for the filesystem storage, of everything. */
  root: string;
  storage: StorageConfig;
  deleteEnabled: boolean;
  readOnly: boolean;
  relativeUrls: boolean;
  /** Where clients see this server, without a slash at the end; from their requests when undefined. */
  publicUrl: string | undefined;
  /** Sent with every answer. */
  headers: [name: string, values: string[]][];
  auth: HtpasswdConfig | TokenConfig | undefined;
  upstreams: UpstreamConfig[];
  /** How long a cache believes a tag without asking its upstream. */
  tagLifetimeMs: number;
  /** What nobody has asked a cache for so long goes; 0 keeps it. */
  proxyLifetimeMs: number;
  webhooks: WebhookConfig[];
  checks: { blobs: boolean; manifests: boolean };
  quota: { registryBytes: number | undefined; repositoryBytes: number | undefined };
  collection: {
    /** Between two; undefined for none by itself. */
    intervalMs: number | undefined;
    /** What was used later stays. */
    graceMs: number;
    untagged: boolean;
    /** Uploads that nobody has written to for so long go. */
    uploadAgeMs: number;
  };
  log: { level: Level; format: "text" | "json" };
  accessLog: boolean;
}
