import { join } from "node:path";
import type { Log } from "../base/logger.ts";
import { messageOf } from "../base/errors.ts";
import { openToAll } from "./auth/authenticator.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import type { RegistryConfig } from "./config/config.ts";
import { Blobs } from "./content/blobs.ts";
import { ChangeFeed } from "./content/changes.ts";
import { Links } from "./content/links.ts";
import { Manifests } from "./content/manifests.ts";
import { Pins } from "./content/pins.ts";
import { noQuota } from "./content/quota.ts";
import type { Quota } from "./content/quota.ts";
import { Uses } from "./content/uses.ts";
import { Collector } from "./gc/collector.ts";
import { RegistryServer } from "./http/server.ts";
import { noMetrics } from "./metrics/metrics.ts";
import type { PrometheusMetrics } from "./metrics/prometheus.ts";
import { Control } from "./control.ts";
import { lockRoot } from "./lock.ts";
import { openStorage } from "./storage/open.ts";
import { Uploads } from "./upload/uploads.ts";
import { Notifier } from "./webhook/notifier.ts";

export interface RunningRegistry extends AsyncDisposable {
  /** `host:port` */
  address: string;
  /** Where the metrics are; undefined when they are not served. */
  debugAddress: string | undefined;
}

/** A registry's content, and what removes what is not needed of it; for the server, and for a collection without one. */
export interface OpenContent {
  storage: Awaited<ReturnType<typeof openStorage>>;
  blobs: Blobs;
  manifests: Manifests;
  uploads: Uploads;
  uses: Uses;
  quota: Quota;
  collector: Collector;
}

/**
 * Opens the folder and the storage of a registry, for this process alone.
 *
 * @throws Error when another process has it open, or it cannot be used.
 */
export const openContent = async (
  config: RegistryConfig,
  log: Log,
  stack: AsyncDisposableStack,
  metrics = noMetrics,
): Promise<OpenContent> => {
  stack.use(await lockRoot(config.root));
  const storage = stack.use(await openStorage(config));
  const uploads = stack.use(await Uploads.open(join(config.root, "uploads")));
  const [pins, changes, uses] = [new Pins(), new ChangeFeed(), new Uses(Date.now)];
  const quota = await openQuota(config, storage);
  const options = { storage, links: new Links(storage), pins, uses, changes, quota };
  const blobs = new Blobs(options);
  const manifests = new Manifests(options, config.checks);
  const collector = new Collector(
    { storage, blobs, manifests, uploads, pins, uses, changes, quota, now: Date.now },
    config,
    log,
    metrics,
  );
  return { storage, blobs, manifests, uploads, uses, quota, collector };
};

/** Starts a registry; disposing ends it in order. */
export const startRegistry = async (config: RegistryConfig, log: Log): Promise<RunningRegistry> => {
  await using stack = new AsyncDisposableStack();
  const prometheus = await openMetrics(config);
  const metrics = prometheus ?? noMetrics;
  const content = await openContent(config, log, stack, metrics);
  const authenticator = await openAuthenticator(config, stack);
  const notifier = stack.use(new Notifier(config.webhooks, log, metrics));
  const shared = { ...content, config, log, metrics };
  if (config.upstreams.length > 0) await content.uploads.clear();
  const proxy = config.upstreams.length === 0 ? undefined : stack.use(await openProxy(shared));
  stack.use(await Control.listen(config.root, content.collector));
  stack.use(content.collector);
  const debugAddress = await openDebug(config, prometheus, stack);
  if (debugAddress !== undefined) log("info", `metrics on ${debugAddress}`);
  const server = stack.use(new RegistryServer({ ...shared, authenticator, notifier, proxy }));
  const address = await server.listen(config.listen);
  content.collector.start();
  log("info", `listening on ${address}`);
  const owned = stack.move();
  return { address, debugAddress, [Symbol.asyncDispose]: () => owned.disposeAsync() };
};

// What only some registries need is loaded when it is configured: the start of the others stays short.

const openQuota = async (config: RegistryConfig, storage: OpenContent["storage"]): Promise<Quota> => {
  const { registryBytes, repositoryBytes } = config.quota;
  if (registryBytes === undefined && repositoryBytes === undefined) return noQuota;
  const { CountedQuota } = await import("./quota/limits.ts");
  return CountedQuota.open(storage, config.quota);
};

const openMetrics = async ({ metricsPath }: RegistryConfig): Promise<PrometheusMetrics | undefined> =>
  metricsPath === undefined ? undefined : new (await import("./metrics/prometheus.ts")).PrometheusMetrics();

const openDebug = async (
  { debugListen, metricsPath }: RegistryConfig,
  metrics: PrometheusMetrics | undefined,
  stack: AsyncDisposableStack,
): Promise<string | undefined> => {
  if (debugListen === undefined) return undefined;
  const { DebugServer } = await import("./metrics/server.ts");
  return stack.use(new DebugServer(metrics, metricsPath)).listen(debugListen);
};

const openAuthenticator = async ({ auth }: RegistryConfig, stack: AsyncDisposableStack): Promise<Authenticator> => {
  if (auth === undefined) return openToAll;
  if (auth.kind === "token") return (await import("./auth/token.ts")).TokenAuthenticator.open(auth);
  try {
    return stack.use(await (await import("./auth/htpasswd.ts")).HtpasswdAuthenticator.open(auth));
  } catch (error) {
    throw new Error(`${auth.path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
};

const openProxy = async (
  shared: Omit<ConstructorParameters<typeof import("./proxy/proxy.ts").Proxy>[0], "settings">,
) => {
  const { Proxy } = await import("./proxy/proxy.ts");
  const settings = {
    insecureRegistries: [],
    mirrors: [],
    certificatesDirectory: "/etc/docker/certs.d",
    proxyEnvironment: process.env,
  };
  return new Proxy({ ...shared, settings });
};
