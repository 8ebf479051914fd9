import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Metrics } from "./metrics.ts";

/** Counts for Prometheus, in a register of this registry's own. */
export class PrometheusMetrics implements Metrics {
  readonly #register = new Registry();
  readonly #requests;
  readonly #seconds;
  readonly #inFlight;
  readonly #sent;
  readonly #received;
  readonly #notifications;
  readonly #cache;
  readonly #collectedBlobs;
  readonly #collectedBytes;
  readonly #collectionSeconds;

  constructor() {
    const registers = [this.#register];
    collectDefaultMetrics({ register: this.#register });
    const counter = <T extends string>(name: string, help: string, labelNames: T[] = []) =>
      new Counter({ name: `registry_${name}`, help, labelNames, registers });
    this.#requests = counter("http_requests_total", "Requests answered", ["handler", "method", "code"]);
    this.#seconds = new Histogram({
      name: "registry_http_request_duration_seconds",
      help: "From a request's head to the end of its answer",
      labelNames: ["handler", "method"],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60, 300],
      registers,
    });
    this.#inFlight = new Gauge({ name: "registry_http_in_flight_requests", help: "Requests under way", registers });
    this.#sent = counter("http_response_size_bytes_total", "Bytes sent, heads included");
    this.#received = counter("upload_bytes_total", "Bytes of blobs received");
    this.#notifications = counter("notifications_total", "Notifications by outcome", ["endpoint", "outcome"]);
    this.#cache = counter("proxy_requests_total", "Requests to the cache", ["type", "hit"]);
    this.#collectedBlobs = counter("collected_blobs_total", "Blobs removed by collections");
    this.#collectedBytes = counter("collected_bytes_total", "Bytes removed by collections");
    this.#collectionSeconds = new Gauge({
      name: "registry_last_collection_seconds",
      help: "How long the last collection took",
      registers,
    });
  }

  get contentType(): string {
    return this.#register.contentType;
  }

  text(): Promise<string> {
    return this.#register.metrics();
  }

  begin(method: string) {
    this.#inFlight.inc();
    return (handler: string, status: number, seconds: number, sentBytes: number): void => {
      this.#inFlight.dec();
      this.#requests.inc({ handler, method: known(method), code: String(status) });
      this.#seconds.observe({ handler, method: known(method) }, seconds);
      this.#sent.inc(sentBytes);
    };
  }

  received(bytes: number): void {
    this.#received.inc(bytes);
  }

  notified(endpoint: string, outcome: "delivered" | "failed" | "dropped"): void {
    this.#notifications.inc({ endpoint, outcome });
  }

  cache(type: "blob" | "manifest", hit: boolean): void {
    this.#cache.inc({ type, hit: String(hit) });
  }

  collected(blobs: number, bytes: number, seconds: number): void {
    this.#collectedBlobs.inc(blobs);
    this.#collectedBytes.inc(bytes);
    this.#collectionSeconds.set(seconds);
  }
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** Labels come from clients: only a few values count. */
const known = (method: string): string => (methods.has(method) ? method : "other");
