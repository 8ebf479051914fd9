import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ListenAddress } from "../config/config.ts";
import type { PrometheusMetrics } from "./prometheus.ts";

/** Serves the metrics, and whether the registry lives, on an address of their own. */
export class DebugServer implements AsyncDisposable {
  readonly #server;

  constructor(metrics: PrometheusMetrics | undefined, metricsPath: string | undefined) {
    this.#server = createServer((request, response) => {
      const path = request.url?.split("?", 1)[0];
      if (path === "/debug/health") {
        response.writeHead(200, { "content-type": "application/json" }).end("{}\n");
      } else if (metrics !== undefined && path === metricsPath) {
        metrics.text().then(
          (text) => response.writeHead(200, { "content-type": metrics.contentType }).end(text),
          () => response.writeHead(500).end(),
        );
      } else response.writeHead(404).end();
    });
  }

  /** @returns `host:port` */
  async listen({ host, port }: ListenAddress): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, ...(host === "" ? {} : { host }) }, resolve);
    });
    const { address, port: actual } = this.#server.address() as AddressInfo;
    return `${address}:${actual}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
