import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";
import { beginUpload, expectStatus, octets, pushBlob, pushManifest } from "../../support/distribution.ts";

/** Sends a part of a body, and leaves the connection open. */
const sendHalf = async (url: string, bytes: Buffer, total: number): Promise<void> => {
  const sent = request(url, { method: "PATCH", headers: { ...octets, "content-length": total }, agent: false });
  sent.on("error", () => undefined);
  await new Promise<void>((resolve) => sent.write(bytes, () => resolve()));
};

const pathOf = (location: string): string => new URL(location).pathname;

/** What the server says that it has of an upload, once that is at least so much. */
const waitForBytes = async (state: () => Promise<number>, least: number): Promise<number> => {
  for (let tries = 0; tries < 200; tries++) {
    const size = await state();
    if (size >= least) return size;
    await sleep(50);
  }
  throw new Error(`the upload never had ${least} bytes`);
};

test("an upload goes on after kill -9 of the server, from the bytes that it has", async () => {
  const first = await startRegistry({ keepRoot: true });
  try {
    const bytes = randomBytes(12_000_000);
    const location = await beginUpload(first, "crash/resume");
    expectStatus(await first.send("PATCH", location, octets, bytes.subarray(0, 3_000_000)), 202);
    await sendHalf(location, bytes.subarray(3_000_000, 8_000_000), 9_000_000);
    const stateOf = (registry: typeof first) => async (): Promise<number> => {
      const answer = expectStatus(await registry.send("GET", pathOf(location)), 204);
      return Number(String(answer.headers["range"]).split("-")[1]) + 1;
    };
    await waitForBytes(stateOf(first), 6_000_000);
    await first.kill("SIGKILL");

    await using second = await startRegistry({ root: first.root, keepRoot: true });
    const size = await stateOf(second)();
    assert.ok(size >= 6_000_000 && size <= 8_000_000, `${size}`);
    const rest = bytes.subarray(size);
    const range = { ...octets, "content-range": `${size}-${bytes.length - 1}` };
    expectStatus(await second.send("PATCH", pathOf(location), range, rest), 202);
    const digest = digestOf(bytes);
    expectStatus(await second.send("PUT", `${pathOf(location)}?digest=${digest}`), 201);
    const answer = expectStatus(await second.send("GET", `/v2/crash/resume/blobs/${digest}`), 200);
    assert.ok(answer.body.equals(bytes));
    assert.deepEqual(readdirSync(join(second.root, "data/uploads")), []);
  } finally {
    await first.kill("SIGKILL");
    rmSync(first.root, { recursive: true, force: true });
  }
});

test("an upload goes on after the client was cut off, and takes no second writer meanwhile", async () => {
  await using registry = await startRegistry();
  const bytes = randomBytes(4_000_000);
  const location = await beginUpload(registry, "crash/cut");
  const sent = request(location, {
    method: "PATCH",
    headers: { ...octets, "content-length": bytes.length },
    agent: false,
  });
  sent.on("error", () => undefined);
  await new Promise<void>((resolve) => sent.write(bytes.subarray(0, 2_500_000), () => resolve()));
  const state = async (): Promise<number> =>
    Number(String((await registry.send("GET", location)).headers["range"]).split("-")[1]) + 1;
  await waitForBytes(state, 2_500_000);
  assert.equal((await registry.send("PATCH", location, octets, Buffer.from("x"))).status, 409);
  sent.destroy();
  let put = 409;
  const tail = bytes.subarray(2_500_000);
  for (let tries = 0; put === 409 && tries < 100; tries++) {
    put = (await registry.send("PUT", `${location}?digest=${digestOf(bytes)}`, octets, tail)).status;
    if (put === 409) await sleep(20);
  }
  assert.equal(put, 201);
  assert.ok((await registry.send("GET", `/v2/crash/cut/blobs/${digestOf(bytes)}`)).body.equals(bytes));
});

test("what was acknowledged is there after kill -9 under load, and nothing half written is served", async () => {
  const root = await startRegistry({ keepRoot: true });
  const acknowledged: { repository: string; digest: string; size: number }[] = [];
  let registry = root;
  try {
    for (let round = 0; round < 3; round++) {
      let running = true;
      const work = async (worker: number): Promise<void> => {
        for (let n = 0; running; n++) {
          const repository = `crash/load${worker}`;
          const bytes = randomBytes(50_000 + n * 1000);
          try {
            const digest = await pushBlob(registry, repository, bytes);
            acknowledged.push({ repository, digest, size: bytes.length });
            if (n % 5 === 0) await pushManifest(registry, repository, `r${round}n${n}`, { layers: [bytes] });
          } catch {
            // The server was killed meanwhile.
          }
        }
      };
      const workers = [0, 1, 2, 3].map(work);
      await sleep(400 + round * 150);
      await registry.kill("SIGKILL");
      running = false;
      await Promise.all(workers);
      registry = await startRegistry({ root: root.root, keepRoot: true });
    }
    assert.ok(acknowledged.length > 20, `${acknowledged.length}`);
    for (const { repository, digest, size } of acknowledged) {
      const answer = await registry.send("GET", `/v2/${repository}/blobs/${digest}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.body.length, size);
      assert.equal(digestOf(answer.body), digest);
    }
    assert.deepEqual(readdirSync(join(root.root, "data/.incoming")), []);
  } finally {
    await registry.kill("SIGKILL");
    rmSync(root.root, { recursive: true, force: true });
  }
});

test("SIGTERM lets what is under way end, and takes nothing new", async () => {
  await using registry = await startRegistry();
  const bytes = randomBytes(3_000_000);
  const location = await beginUpload(registry, "crash/term");
  const headers = { ...octets, "content-length": bytes.length };
  const sent = request(`${location}?digest=${digestOf(bytes)}`, { method: "PUT", headers, agent: false });
  const answered = new Promise<number>((resolve, reject) => {
    sent.on("response", (answer) => resolve(answer.statusCode ?? 0));
    sent.on("error", reject);
  });
  await new Promise<void>((resolve) => sent.write(bytes.subarray(0, 1_000_000), () => resolve()));
  await sleep(100);
  const ended = registry.kill("SIGTERM");
  await sleep(100);
  await assert.rejects(registry.send("GET", "/v2/"));
  sent.end(bytes.subarray(1_000_000));
  assert.equal(await answered, 201);
  assert.equal(await ended, 0);
});

test("a folder has one server", async () => {
  await using registry = await startRegistry();
  await assert.rejects(startRegistry({ root: registry.root, keepRoot: true }), /in use by another registry/);
  assert.ok(existsSync(registry.root));
});
