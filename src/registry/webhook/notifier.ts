import { randomUUID } from "node:crypto";
import type { Log } from "../../base/logger.ts";
import type { WebhookConfig } from "../config/config.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { WebhookEndpoint } from "./endpoint.ts";
import { eventOf } from "./event.ts";
import type { Happening } from "./event.ts";

/** Tells the configured endpoints what happens; a slow one costs requests nothing. */
export class Notifier implements AsyncDisposable {
  readonly #endpoints: WebhookEndpoint[];
  readonly #instanceId = randomUUID();

  constructor(configs: readonly WebhookConfig[], log: Log, metrics: Metrics) {
    this.#endpoints = configs.map((config) => new WebhookEndpoint(config, log, metrics));
  }

  notify(exchange: Exchange, happening: Happening): void {
    if (this.#endpoints.length === 0) return;
    if (exchange.request.method === "HEAD") return;
    const event = eventOf(exchange, happening, this.#instanceId);
    for (const endpoint of this.#endpoints) endpoint.push(event);
  }

  /** Sends what waits, for a moment. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => endpoint[Symbol.asyncDispose]()));
  }
}
