// What survives twenty kills of the daemon: processes, output, exit statuses, ports, policies.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { useEngine } from "../support/engine.ts";
import { waitUntil } from "../support/http.ts";
import { StreamCheck, writerArchive } from "./stream.ts";

const kills = Number(process.env["BERTH_TEST_KILLS"] ?? 20);
/** The kill behind which the containers that are to end do so, while there is no daemon. */
const fatefulKill = Math.min(5, kills - 1);
const megabytesPerSecond = 50;
const backLimitMs = 5000;
const port = 8080;

const engine = useEngine({ archives: () => [writerArchive()] });

/** Runs until the test lets it go, then exits so; the second time it stays. */
const fate = (code: number): string[] => [
  "sh",
  "-c",
  `[ -e /once ] && exec sleep 10000; touch /once; until [ -e /tmp/go ]; do sleep 0.02; done; exit ${code}`,
];

/** GET / of the published port once, on a connection of its own. */
const ask = (): Promise<string> =>
  new Promise((resolve) => {
    const call = request({ host: "127.0.0.1", port, agent: false, timeout: 3000 }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(String(answer.statusCode)));
      answer.on("error", (error) => resolve(error.message));
    });
    call.on("timeout", () => call.destroy(new Error("no answer in 3 s")));
    call.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    call.end();
  });

interface State {
  Status: string;
  Running: boolean;
  Pid: number;
  ExitCode: number;
}
interface Inspect {
  Id: string;
  State: State;
  RestartCount: number;
}

const inspect = (name: string): Promise<Inspect> => engine.api.ok<Inspect>("GET", `/containers/${name}/json`);
const inspectExec = (id: string): Promise<{ Running: boolean; ExitCode: number | null; Pid: number }> =>
  engine.api.ok("GET", `/exec/${id}/json`);

const startExec = async (script: string): Promise<string> => {
  const { Id } = await engine.api.ok<{ Id: string }>("POST", "/containers/tty/exec", { Cmd: ["sh", "-c", script] });
  await engine.api.ok("POST", `/exec/${Id}/start`, { Detach: true });
  return Id;
};

/** Makes a file in a running container without the daemon. */
const touch = (pid: number, path: string): void => {
  mkdirSync(`/proc/${pid}/root/tmp`, { recursive: true });
  writeFileSync(`/proc/${pid}/root${path}`, "");
};

test(`${kills} kills under load lose nothing`, async (t) => {
  const { docker, api, daemon } = engine;
  const run = (name: string, ...args: string[]): Promise<string> => docker.ok("run", "-d", "--name", name, ...args);
  const began = Math.trunc(Date.now() / 1000) - 1;
  await run("writer", "--log-opt", "max-size=-1", "writer", "writer", String(megabytesPerSecond));
  await run("tty", "-it", "busybox", "sh", "-c", "while read line; do echo got $line; done");
  await run("web", "-p", `${port}:80`, "busybox", "httpd", "-f", "-h", "/www");
  await run("seven", "busybox", ...fate(7));
  await run("gone", "--rm", "busybox", ...fate(0));
  await run("always", "--restart", "always", "busybox", ...fate(0));
  await run("unless-stopped", "--restart", "unless-stopped", "busybox", ...fate(1));
  await run("failed", "--restart", "on-failure", "busybox", ...fate(1));
  await run("done", "--restart", "on-failure", "busybox", ...fate(0));
  await run("stopped", "--restart", "unless-stopped", "busybox", "sleep", "10000");
  await docker.ok("stop", "-t", "0", "stopped");
  const ending = ["seven", "gone", "always", "unless-stopped", "failed", "done"];
  const staying = ["writer", "tty", "web"];
  const execEnding = await startExec("until [ -e /tmp/go ]; do sleep 0.02; done; exit 9");
  const execStaying = await startExec("until [ -e /tmp/go-later ]; do sleep 0.02; done; exit 11");
  const before = new Map(
    await Promise.all(staying.map(async (name) => [name, (await inspect(name)).State.Pid] as const)),
  );
  const endingPids = await Promise.all(ending.map(async (name) => (await inspect(name)).State.Pid));
  const execPid = (await inspectExec(execStaying)).Pid;

  // The published port is asked all the time.
  const answers = new Map<string, number>();
  let asking = true;
  const asked = (async () => {
    while (asking) {
      const answer = await ask();
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      await sleep(10);
    }
  })();

  const times: number[] = [];
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(50 + Math.random() * 350);
      await daemon.kill();
      if (kill === fatefulKill) {
        touch(before.get("tty") ?? 0, "/tmp/go");
        for (const pid of endingPids) touch(pid, "/tmp/go");
        await sleep(500);
      }
      times.push(await daemon.start());
      for (const [name, pid] of before) {
        const { State } = await inspect(name);
        assert.ok(State.Running && State.Pid === pid, `${name} runs on: ${JSON.stringify(State)}`);
      }
      const exec = await inspectExec(execStaying);
      assert.ok(exec.Running && exec.Pid === execPid, `the exec runs on: ${JSON.stringify(exec)}`);
    }
  } finally {
    asking = false;
    await asked;
  }
  t.diagnostic(`back after ${times.map((ms) => ms.toFixed()).join(" ")} ms; answers ${JSON.stringify([...answers])}`);
  assert.ok(Math.max(...times) < backLimitMs, `back within ${backLimitMs} ms`);

  await t.test("the published port answered all the time", () => {
    assert.deepEqual([...answers.keys()], ["200"]);
    assert.ok((answers.get("200") ?? 0) > kills, "it was asked");
  });

  await t.test("exit statuses are kept, of a container and of an exec", async () => {
    const seven = await inspect("seven");
    assert.equal(seven.State.Status, "exited");
    assert.equal(seven.State.ExitCode, 7);
    assert.deepEqual(await api.ok("POST", "/containers/seven/wait"), { StatusCode: 7 });
    const exec = await inspectExec(execEnding);
    assert.equal(exec.Running, false);
    assert.equal(exec.ExitCode, 9);
  });

  await t.test("restart policies are decided as if the daemon had been there", async () => {
    for (const name of ["always", "unless-stopped", "failed"]) {
      await waitUntil(async () => (await inspect(name)).State.Status !== "restarting", `the restart of ${name}`);
      const { State, RestartCount } = await inspect(name);
      assert.equal(State.Status, "running", name);
      assert.equal(RestartCount, 1, name);
    }
    const done = await inspect("done");
    assert.equal(done.State.Status, "exited");
    assert.equal(done.State.ExitCode, 0);
    assert.equal((await inspect("stopped")).State.Status, "exited", "a stopped container stays so");
  });

  await t.test("a container with --rm that ended is gone", async () => {
    assert.equal((await api.call("GET", "/containers/gone/json")).status, 404);
  });

  await t.test("each exit has one die event", async () => {
    const filters = encodeURIComponent(JSON.stringify({ type: ["container"], event: ["die"] }));
    const until = Math.trunc(Date.now() / 1000) + 1;
    const { text } = await api.call("GET", `/events?since=${began}&until=${until}&filters=${filters}`);
    const names = text
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { Actor: { Attributes: { name: string } } }).Actor.Attributes.name);
    const ours = names.filter((name) => name !== "warm-up");
    assert.deepEqual(ours.toSorted(), [...ending, "stopped"].toSorted());
  });

  await t.test("attach works again, on a terminal", async () => {
    using attached = await api.hijack("/containers/tty/attach?stream=1&stdin=1&stdout=1");
    attached.socket.write("hello\n");
    await attached.has("got hello");
  });

  await t.test("an exec that runs on tells its status", async () => {
    touch(before.get("tty") ?? 0, "/tmp/go-later");
    await waitUntil(async () => !(await inspectExec(execStaying)).Running, "the end of the exec");
    assert.equal((await inspectExec(execStaying)).ExitCode, 11);
  });

  await t.test("logs are followed again, and wait is answered", async () => {
    const follow = await api.stream("GET", "/containers/writer/logs?stdout=1&follow=1&tail=10");
    let size = 0;
    follow.on("data", (chunk: Buffer) => (size += chunk.length));
    const ended = new Promise<void>((resolve) => follow.once("end", resolve));
    await waitUntil(() => size > 10_000_000, "10 MB of what is written now");
    const waiting = api.ok<{ StatusCode: number }>("POST", "/containers/writer/wait");
    await docker.ok("kill", "-s", "TERM", "writer");
    assert.equal((await waiting).StatusCode, 0);
    await ended;
  });

  await t.test("no byte of the log is lost", async () => {
    const check = new StreamCheck();
    const begin = performance.now();
    for await (const chunk of await api.stream("GET", "/containers/writer/logs?stdout=1&stderr=1")) {
      check.push(chunk as Buffer);
    }
    t.diagnostic(
      `${(check.sizeBytes / 1e6).toFixed()} MB of output in the log, checked in ${(performance.now() - begin).toFixed()} ms`,
    );
    assert.ok(check.ends[0] !== undefined && check.ends[0] > 0);
    assert.deepEqual(check.lines, check.ends, "every line that was written");
  });
});
