// A name and a port, used again and again: the next answer is always the new container's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runProgram } from "../../support/docker.ts";
import { useEngine } from "../../support/engine.ts";
import { waitUntil } from "../../support/http.ts";
import { leaksSince, takeInventory } from "../../support/leaks.ts";
import { scopeOf } from "../../support/engine.ts";

const rounds = Number(process.env["BERTH_TEST_ROUNDS"] ?? 50);
const engine = useEngine();

const ask = (url: string): Promise<{ code: number | null; stdout: string }> =>
  runProgram(["/usr/bin/curl", "-s", "-g", "--max-time", "5", url]);

/** The first answer. Refusals are passed over while the server does not listen yet; a wrong answer never is. */
const firstAnswer = async (url: string): Promise<string> => {
  let answer = "";
  await waitUntil(async () => {
    const { code, stdout } = await ask(url);
    answer = stdout.trim();
    return code === 0;
  }, `an answer of ${url}`);
  return answer;
};

test(`${rounds} times docker run --rm --name xx -p 8080:80, and the next curl meets the new one`, async () => {
  const { docker } = engine;
  const before = takeInventory(scopeOf(engine.daemon));
  for (let round = 0; round < rounds; round += 1) {
    const script = `echo ${round} >/www/index.html; httpd -h /www; exec sleep 10000`;
    const running = docker.start(["run", "--rm", "--name", "xx", "-p", "8080:80", "busybox", "sh", "-c", script]);
    const ended = new Promise<number | null>((resolve) => running.once("exit", resolve));
    let told = "";
    running.stderr?.on("data", (chunk: Buffer) => (told += chunk.toString()));
    assert.equal(await firstAnswer("http://127.0.0.1:8080/"), String(round), told);
    await docker.ok("kill", "xx");
    assert.equal(await ended, 137, told);
    assert.notEqual((await ask("http://127.0.0.1:8080/")).code, 0, "nobody answers");
  }
  assert.deepEqual(await leaksSince(before, scopeOf(engine.daemon)), []);
});

test("rm -f, then run with the same name and port at once", async () => {
  const { docker } = engine;
  for (let round = 0; round < 15; round += 1) {
    const script = `echo ${round} >/www/index.html; exec httpd -f -h /www`;
    await docker.ok("run", "-d", "--name", "yy", "-p", "8081:80", "busybox", "sh", "-c", script);
    assert.equal(await firstAnswer("http://127.0.0.1:8081/"), String(round));
    await docker.ok("rm", "-f", "yy");
  }
});

test("a port in use is told in Docker's words; nothing is left and the next start works", async () => {
  const { docker } = engine;
  await docker.ok("run", "-d", "--name", "first", "-p", "8082:80", "busybox", "sleep", "10000");
  const before = takeInventory(scopeOf(engine.daemon));
  const second = await docker.run(["run", "-d", "--name", "second", "-p", "8082:80", "busybox", "sleep", "10000"]);
  assert.equal(second.code, 125);
  assert.match(second.stderr, /Bind for (0\.0\.0\.0|::):8082 failed: port is already allocated/);
  const kernel = await leaksSince(before, scopeOf(engine.daemon), [
    "link",
    "mount",
    "namespace",
    "rule",
    "process",
    "port",
    "cgroup",
  ]);
  assert.deepEqual(kernel, []);
  await docker.ok("rm", "-f", "first");
  await docker.ok("start", "second");
  await docker.ok("rm", "-f", "second");
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(8083, "0.0.0.0", resolve));
  const foreign = await docker.run(["run", "--rm", "-p", "8083:80", "busybox", "true"]);
  assert.equal(foreign.code, 125);
  assert.match(foreign.stderr, /address already in use/);
  await new Promise((resolve) => server.close(resolve));
  await docker.ok("run", "--rm", "-p", "8083:80", "busybox", "true");
});
