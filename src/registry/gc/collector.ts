import type { Log } from "../../base/logger.ts";
import type { RegistryConfig } from "../config/config.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { collect } from "./collect.ts";
import type { Collected, CollectionOptions } from "./collect.ts";

type Parts = Omit<CollectionOptions, "graceMs" | "untagged" | "expireMs" | "uploadAgeMs" | "signal">;

/** The first collection is so long after the grace, unless the interval is shorter: servers may start every day. */
const firstDelayMs = 10 * 60_000;

/** Runs collections, one at a time: at its interval, and when it is asked. */
export class Collector implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #config: RegistryConfig;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<Collected> | undefined;

  constructor(parts: Parts, config: RegistryConfig, log: Log, metrics: Metrics) {
    this.#parts = parts;
    this.#config = config;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** Begins to collect at the interval. */
  start(): void {
    const { intervalMs, graceMs } = this.#config.collection;
    if (intervalMs === undefined || this.#config.readOnly) return;
    const collect = (): void => {
      this.run().catch((error: unknown) => this.#log("error", "the collection failed", error));
    };
    const begin = (): void => {
      collect();
      this.#timer = setInterval(collect, intervalMs).unref();
    };
    this.#timer = setTimeout(begin, Math.min(intervalMs, graceMs + firstDelayMs)).unref();
  }

  /** Collects once; joins the collection that runs. */
  run(): Promise<Collected> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#ending.abort(new Error("the registry ends"));
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<Collected> {
    const { collection, upstreams, proxyLifetimeMs } = this.#config;
    const { graceMs, untagged, uploadAgeMs } = collection;
    const expireMs = upstreams.length > 0 && proxyLifetimeMs > 0 ? proxyLifetimeMs : undefined;
    const begun = performance.now();
    const { signal } = this.#ending;
    const collected = await collect({ ...this.#parts, graceMs, untagged, uploadAgeMs, expireMs, signal });
    const seconds = (performance.now() - begun) / 1000;
    this.#metrics.collected(collected.blobs, collected.bytes, seconds);
    this.#log("info", "collected", { ...collected, seconds: seconds.toFixed(3) });
    return collected;
  }
}
