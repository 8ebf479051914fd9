// Kills at any moment of whatever the daemon is doing: it always comes back, and nothing is left behind. The leak check
// is the engine's own, at the end of the file.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { useEngine } from "../support/engine.ts";
import { type HttpAnswer, waitUntil } from "../support/http.ts";

const kills = Number(process.env["BERTH_TEST_KILLS"] ?? 6);
const workers = 3;
const engine = useEngine();

/** One request; undefined when the daemon went away under it. */
const call = (method: string, path: string, body?: unknown): Promise<HttpAnswer | undefined> =>
  engine.api.call(method, path, body).catch(() => undefined);

/** Kills and starts the daemon again and again while `work` is done by several at once until it fails for the kill. */
const storm = async (work: (worker: number, round: number) => Promise<boolean>): Promise<void> => {
  for (let kill = 0; kill < kills; kill += 1) {
    let rounds = 0;
    const all = Array.from({ length: workers }, async (_, worker) => {
      while (await work(worker, (rounds += 1)));
    });
    const due = workers + Math.trunc(Math.random() * 8);
    await waitUntil(() => rounds > due, "the work to be under way");
    await sleep(Math.random() * 40);
    await engine.daemon.kill();
    await Promise.all(all);
    await engine.daemon.start();
  }
};

test("execs", async () => {
  await engine.docker.ok("run", "-d", "--name", "host", "busybox", "sleep", "10000");
  await storm(async () => {
    const made = await call("POST", "/containers/host/exec", { Cmd: ["true"] });
    return made !== undefined && (await call("POST", `/exec/${made.json.Id}/start`, { Detach: true })) !== undefined;
  });
  assert.equal((await engine.docker.run(["exec", "host", "sh", "-c", "exit 5"])).code, 5);
  await engine.docker.ok("rm", "-f", "host");
});

test("containers with ports and volumes, made, started, stopped and removed", async () => {
  let answered = 0;
  await storm(async (worker, round) => {
    const name = `storm-${worker}`;
    const created = await call("POST", `/containers/create?name=${name}`, {
      Image: "busybox",
      Cmd: ["sleep", "10000"],
      Volumes: { "/anonymous": {} },
      ExposedPorts: { "80/tcp": {} },
      HostConfig: {
        AutoRemove: round % 3 === 0,
        Binds: [`storm-volume-${worker}:/v`],
        PortBindings: { "80/tcp": [{ HostPort: String(9000 + worker) }] },
      },
    });
    if (created === undefined) return false;
    assert.ok([201, 409].includes(created.status), created.text);
    const started = await call("POST", `/containers/${name}/start`);
    if (started === undefined) return false;
    assert.ok([204, 304, 404, 409].includes(started.status), `start: ${started.status} ${started.text}`);
    if (started.status === 204) answered += 1;
    const removed = await call("DELETE", `/containers/${name}?force=1&v=1`);
    if (removed === undefined) return false;
    assert.ok([204, 404, 409].includes(removed.status), `rm: ${removed.status} ${removed.text}`);
    return true;
  });
  assert.ok(answered > kills, `${answered} starts were answered`);
  for (let worker = 0; worker < workers; worker += 1) {
    await engine.docker.run(["rm", "-fv", `storm-${worker}`]);
    await engine.docker.ok("run", "--rm", "--name", `storm-${worker}`, "-p", `${9000 + worker}:80`, "busybox", "true");
  }
});

test("networks and images", async () => {
  const archive = await engine.api.stream("GET", "/images/busybox/get");
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  const saved = Buffer.concat(chunks);
  await storm(async (worker, round) => {
    if (worker === 0) return (await call("POST", "/images/load?quiet=1", saved)) !== undefined;
    const name = `storm-${worker}-${round % 2}`;
    const made = await call("POST", "/networks/create", { Name: name });
    return made !== undefined && (await call("DELETE", `/networks/${name}`)) !== undefined;
  });
  await engine.docker.ok("run", "--rm", "busybox", "true");
});
