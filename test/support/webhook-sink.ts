// A server that takes webhooks, for tests: what it got, and when it refuses.
import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Delivery {
  headers: IncomingHttpHeaders;
  body: { events: Record<string, unknown>[] };
}

export class WebhookSink implements AsyncDisposable {
  readonly deliveries: Delivery[] = [];
  /** How many of the next deliveries are answered with 500. */
  refuse = 0;
  refused = 0;
  readonly #server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      if (this.refuse > 0) {
        this.refuse--;
        this.refused++;
        response.writeHead(500).end();
        return;
      }
      this.deliveries.push({ headers: request.headers, body: JSON.parse(text) as Delivery["body"] });
      response.writeHead(200).end();
    });
  });

  /** @returns the URL to send to */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** The events, once there are so many. */
  async events(count: number): Promise<Record<string, unknown>[]> {
    for (let tries = 0; tries < 200; tries++) {
      const events = this.deliveries.flatMap(({ body }) => body.events);
      if (events.length >= count) return events;
      await sleep(25);
    }
    throw new Error(`${this.deliveries.length} of ${count} events came`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
