// Archives that a worker thread writes to the client's connection itself.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { Agent, get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { assemble } from "../../../src/oci/layer/transfer.ts";
import { LayerWorkers } from "../../../src/oci/layer/worker/pool.ts";
import { ArchiveStream } from "../../../src/oci/layer/archive-stream.ts";
import { TestApi } from "../../support/api.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const fileBytes = 9_000_001;

const serve = async (): Promise<{
  api: TestApi;
  workers: LayerWorkers;
  content: Buffer;
  archives: ArchiveStream[];
  written: () => number;
  [Symbol.asyncDispose](): Promise<void>;
}> => {
  const directory = temporaryDirectory();
  const path = join(directory.path, "file");
  const bytes = randomBytes(fileBytes);
  writeFileSync(path, bytes);
  const workers = new LayerWorkers();
  const archives: ArchiveStream[] = [];
  let written = 0;
  const api = await TestApi.start({
    routes: ["good", "short"].map((name) => ({
      method: "GET",
      path: `/${name}`,
      handle: async (call) => {
        const sizeBytes = name === "good" ? fileBytes : fileBytes + 1;
        const parts = [{ bytes: Buffer.from("head") }, { path, sizeBytes }, { bytes: Buffer.from("tail") }];
        const archive = assemble(workers, parts, () => written++);
        archives.push(archive);
        await call.pipe(archive, "application/x-tar");
      },
    })),
  });
  return {
    api,
    workers,
    content: Buffer.concat([Buffer.from("head"), bytes, Buffer.from("tail")]),
    archives,
    written: () => written,
    [Symbol.asyncDispose]: async () => {
      await workers[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
};

const answerOf = (socketPath: string, path: string, agent: Agent | false): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => get({ socketPath, path, agent }, resolve).on("error", reject));

const bodyOf = async (answer: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** The other way, through the event loop, is for TLS; this shows that the fast one was taken. */
const wasHandedOver = (archive: ArchiveStream | undefined): boolean => archive?.readableDidRead === false;

test("every byte arrives, and the connection serves the next call", async () => {
  await using here = await serve();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let round = 0; round < 3; round++) {
    const answer = await answerOf(here.api.socketPath, "/good", agent);
    assert.equal(answer.headers["transfer-encoding"], "chunked");
    assert.ok((await bodyOf(answer)).equals(here.content));
    assert.equal(answer.complete, true);
  }
  assert.equal(Object.values(agent.freeSockets).flat().length, 1);
  agent.destroy();
  assert.deepEqual([here.written(), here.archives.every(wasHandedOver)], [3, true]);
});

test("a client that reads slowly holds the thread back and gets everything", async () => {
  await using here = await serve();
  const answer = await answerOf(here.api.socketPath, "/good", false);
  await sleep(300);
  assert.equal(here.written(), 0);
  assert.ok((await bodyOf(answer)).equals(here.content));
});

test("an archive that fails in the middle does not look whole", async () => {
  await using here = await serve();
  const answer = await answerOf(here.api.socketPath, "/short", false);
  await assert.rejects(bodyOf(answer), { code: "ECONNRESET" });
  assert.equal(answer.complete, false);
  assert.equal(here.written(), 0);
});

test("a client that leaves ends the work, and the end of the threads ends a client that does not read", async () => {
  await using here = await serve();
  const gone = await answerOf(here.api.socketPath, "/good", false);
  gone.destroy();
  for (const end = Date.now() + 5000; here.archives[0]?.destroyed !== true;) {
    assert.ok(Date.now() < end, "the work goes on for nobody");
    await sleep(10);
  }
  const stuck = await answerOf(here.api.socketPath, "/good", false);
  const failed = assert.rejects(
    sleep(200).then(() => bodyOf(stuck)),
    { code: "ECONNRESET" },
  );
  await sleep(100);
  await here.workers[Symbol.asyncDispose]();
  await failed;
});
