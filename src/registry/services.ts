import type { Log } from "../base/logger.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import type { RegistryConfig } from "./config/config.ts";
import type { Blobs } from "./content/blobs.ts";
import type { Manifests } from "./content/manifests.ts";
import type { Quota } from "./content/quota.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Proxy } from "./proxy/proxy.ts";
import type { Storage } from "./storage/storage.ts";
import type { Uploads } from "./upload/uploads.ts";
import type { Notifier } from "./webhook/notifier.ts";

/** What the handlers of requests work with. */
export interface Services {
  config: RegistryConfig;
  log: Log;
  storage: Storage;
  blobs: Blobs;
  manifests: Manifests;
  uploads: Uploads;
  quota: Quota;
  authenticator: Authenticator;
  notifier: Notifier;
  metrics: Metrics;
  /** Present when this registry is a cache of others. */
  proxy: Proxy | undefined;
}
