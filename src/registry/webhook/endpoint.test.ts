import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";
import { noMetrics } from "../metrics/metrics.ts";
import { WebhookEndpoint } from "./endpoint.ts";
import type { NotificationEvent } from "./event.ts";

test("an endpoint's URL, which may hold a secret, is not logged", async () => {
  const server = createServer((_, answer) => void answer.writeHead(500).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const lines: string[] = [];
  const names = new Set<string>();
  const url = `${origin}/hooks/canary?token=canary`;
  const times = { timeoutMs: 1000, backoffMs: 0 };
  const config = { name: "x", url, headers: {}, ...times, ignoredMediaTypes: names, ignoredActions: names };
  const given = Promise.withResolvers<void>();
  const metrics = { ...noMetrics, notified: () => given.resolve() };
  try {
    await using endpoint = new WebhookEndpoint(config, (...parts) => void lines.push(inspect(parts)), metrics);
    endpoint.push({ action: "push", target: { mediaType: "a", repository: "b" } } as NotificationEvent);
    await given.promise;
  } finally {
    server.closeAllConnections();
    server.close();
  }
  assert.match(lines.join(), /answered 500/);
  assert.doesNotMatch(lines.join(), /canary/);
});
