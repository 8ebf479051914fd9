import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * `/_ping` before any routing: every client command begins with it.
 * **Source:** Engine API, operations SystemPing and SystemPingHead.
 */
export class Ping {
  readonly #headers: readonly string[];

  /** `builder` is "2" only when `/session` and `/grpc` work. */
  constructor(common: readonly string[], builder: "1" | "2") {
    this.#headers = [
      ...common,
      "Builder-Version",
      builder,
      "Cache-Control",
      "no-cache, no-store, must-revalidate",
      "Pragma",
      "no-cache",
      "Swarm",
      "inactive",
      "Content-Type",
      "text/plain; charset=utf-8",
      "Content-Length",
    ];
  }

  /** Answers when the request is a ping on the path every client uses. */
  answers(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.url !== "/_ping") return false;
    if (request.method === "GET") this.answer(response, true);
    else if (request.method === "HEAD") this.answer(response, false);
    else return false;
    return true;
  }

  answer(response: ServerResponse, withBody: boolean): void {
    response.writeHead(200, [...this.#headers, withBody ? "2" : "0"]);
    response.end(withBody ? "OK" : undefined);
  }
}
