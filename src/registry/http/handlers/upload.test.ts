import assert from "node:assert/strict";
import { test } from "node:test";
import type { Services } from "../../services.ts";
import type { Exchange } from "../exchange.ts";
import { putUpload } from "./upload.ts";

test("a connection may stand still while a blob is finished", async () => {
  const socket = { timeout: 60_000, setTimeout: (ms: number) => void (socket.timeout = ms) };
  const seen: number[] = [];
  const session = {
    record: { repository: "a" },
    sizeBytes: 1,
    alone: (work: () => Promise<void>) => work(),
    verify: async () => void seen.push(socket.timeout),
  };
  const services = {
    uploads: { find: async () => session, remove: async () => undefined },
    blobs: {
      commit: async () => {
        seen.push(socket.timeout);
        throw new Error("no disk");
      },
    },
  } as unknown as Services;
  const exchange = {
    request: { headers: {}, socket },
    query: new URLSearchParams({ digest: `sha256:${"a".repeat(64)}` }),
  } as unknown as Exchange;
  await assert.rejects(putUpload(services, exchange, { repository: "a", id: "x" }), /no disk/);
  assert.deepEqual(seen, [0, 0]);
  assert.equal(socket.timeout, 60_000);
});
