import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../base/logger.ts";
import { messageOf } from "../../base/errors.ts";
import type { WebhookConfig } from "../config/config.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { NotificationEvent } from "./event.ts";

/** Events that wait for an endpoint; the oldest goes when there are more. */
const maxQueued = 1_000;
/** How long an event is tried. */
const maxAttempts = 10;
const maxBackoffMs = 60_000;
/** What waits when the server ends is tried for so long. */
const farewellMs = 2_000;
const envelopeType = "application/vnd.docker.distribution.events.v1+json";

/** Delivers events to one URL, one after the other, again until it takes them. */
export class WebhookEndpoint implements AsyncDisposable {
  readonly #config: WebhookConfig;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #queue: NotificationEvent[] = [];
  readonly #ending = new AbortController();
  #working: Promise<void> | undefined;

  constructor(config: WebhookConfig, log: Log, metrics: Metrics) {
    this.#config = config;
    this.#log = log;
    this.#metrics = metrics;
  }

  push(event: NotificationEvent): void {
    const { ignoredMediaTypes, ignoredActions, name } = this.#config;
    if (ignoredMediaTypes.has(event.target.mediaType) || ignoredActions.has(event.action)) return;
    if (this.#queue.length >= maxQueued) {
      this.#queue.shift();
      this.#metrics.notified(name, "dropped");
    }
    this.#queue.push(event);
    this.#working ??= this.#work().finally(() => (this.#working = undefined));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#ending.abort(), farewellMs);
    await this.#working;
    clearTimeout(timer);
  }

  async #work(): Promise<void> {
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      if (this.#ending.signal.aborted) return;
      const delivered = await this.#deliver(event);
      this.#metrics.notified(this.#config.name, delivered ? "delivered" : "failed");
    }
  }

  async #deliver(event: NotificationEvent): Promise<boolean> {
    const { name, backoffMs } = this.#config;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#send(event);
        return true;
      } catch (error) {
        if (attempt >= maxAttempts || this.#ending.signal.aborted) {
          this.#log("warn", "a notification was given up", { endpoint: name, error: messageOf(error) });
          return false;
        }
        const delayMs = Math.min(backoffMs * 2 ** (attempt - 1), maxBackoffMs);
        await sleep(delayMs, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      }
    }
  }

  /** @throws Error when the endpoint does not answer with success. */
  async #send(event: NotificationEvent): Promise<void> {
    const { url, headers, timeoutMs } = this.#config;
    const { origin } = new URL(url);
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": envelopeType },
      body: JSON.stringify({ events: [event] }),
      redirect: "error",
      signal: AbortSignal.any([this.#ending.signal, AbortSignal.timeout(timeoutMs)]),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`${origin} answered ${answer.status}`);
  }
}
