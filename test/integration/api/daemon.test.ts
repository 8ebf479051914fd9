import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { defaultConfig } from "../../../src/daemon/config/load.ts";
import { createEngine } from "../../../src/daemon/engine.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-daemon-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const berthd = join(import.meta.dirname, "../../../bin/berthd");

const argumentsFor = (name: string): string[] => [
  "--data-root",
  join(folder, name, "data"),
  "--exec-root",
  join(folder, name, "exec"),
  "--pidfile",
  join(folder, `${name}.pid`),
  "--config-file",
  join(folder, `${name}.json`),
  "--bridge",
  "none",
  "-H",
  `unix://${join(folder, `${name}.sock`)}`,
];

const start = (name: string, ...more: string[]) => {
  if (!existsSync(join(folder, `${name}.json`))) writeFileSync(join(folder, `${name}.json`), "{}");
  const child = spawn(berthd, [...argumentsFor(name), ...more], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "exit").then(([code]) => code as number | null);
  return {
    child,
    ended,
    output: () => output,
    /** Waits until the daemon says so. */
    says: async (text: string): Promise<void> => {
      for (let i = 0; i < 1000 && !output.includes(text) && child.exitCode === null; i++) await sleep(10);
      assert.ok(output.includes(text), `${text} in ${output}`);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
};

const get = (name: string, path: string): Promise<{ status: number; body: any }> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath: join(folder, `${name}.sock`), path, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => {
        const json = response.headers["content-type"] === "application/json";
        resolve({ status: response.statusCode ?? 0, body: json ? JSON.parse(text) : text });
      });
    });
    sent.on("error", reject);
    sent.end();
  });

test("berthd serves, reloads, and ends when told to", async () => {
  await using daemon = start("a");
  await daemon.says("Daemon has completed initialization");
  assert.equal((await get("a", "/_ping")).body, "OK");
  const version = (await get("a", "/version")).body;
  assert.match(version.Version, /^28\.5\.2\+berth/);
  assert.equal(version.ApiVersion, "1.51");
  assert.equal(version.Components[0].Name, "Engine");
  const info = (await get("a", "/info")).body;
  assert.equal(info.OSType, "linux");
  assert.equal(info.DockerRootDir, join(folder, "a/data"));
  assert.deepEqual(info.Labels, []);
  assert.equal(readFileSync(join(folder, "a.pid"), "utf8"), String(daemon.child.pid));

  writeFileSync(join(folder, "a.json"), '{"labels":["x=y"]}');
  daemon.child.kill("SIGHUP");
  for (let i = 0; i < 200 && (await get("a", "/info")).body.Labels.length === 0; i++) await sleep(10);
  assert.deepEqual((await get("a", "/info")).body.Labels, ["x=y"]);
  const events = await get("a", `/events?since=0&until=${Math.ceil(Date.now() / 1000)}&filters={"type":["daemon"]}`);
  assert.equal(events.body.Action, "reload");
  writeFileSync(join(folder, "a.json"), '{"nonsense":1}');
  daemon.child.kill("SIGHUP");
  await daemon.says("nonsense");

  daemon.child.kill("SIGTERM");
  assert.equal(await daemon.ended, 0);
  assert.equal(existsSync(join(folder, "a.pid")), false);
  assert.equal(existsSync(join(folder, "a.sock")), false);
});

test("the engine's id stays; what a killed daemon left behind does not keep the next from starting", async () => {
  let id: string;
  {
    await using daemon = start("b");
    await daemon.says("completed");
    id = (await get("b", "/info")).body.ID;
  }
  assert.ok(existsSync(join(folder, "b.sock")), "killed: nobody removed it");
  await using daemon = start("b");
  await daemon.says("completed");
  assert.equal((await get("b", "/info")).body.ID, id);
});

test("a second daemon is refused", async () => {
  await using first = start("c");
  await first.says("completed");
  const second = start("c");
  assert.equal(await second.ended, 1);
  assert.match(
    second.output(),
    /ensure berthd is not running or delete .*c\.pid: process with PID \d+ is still running/,
  );
  const third = start("c", "--pidfile", join(folder, "other.pid"));
  assert.equal(await third.ended, 1);
  assert.match(third.output(), /another daemon is using the data root/);
  const elsewhere = ["--pidfile", join(folder, "other.pid"), "--data-root", join(folder, "elsewhere")];
  const fourth = start("c", ...elsewhere);
  assert.equal(await fourth.ended, 1);
  assert.match(fourth.output(), /another daemon is using the exec root/);
  const fifth = start("c", ...elsewhere, "--exec-root", join(folder, "elsewhere-exec"));
  assert.equal(await fifth.ended, 1);
  assert.match(fifth.output(), /can't create unix socket .*c\.sock: address already in use/);
  assert.equal((await get("c", "/_ping")).body, "OK", "the first serves on");
});

test("a socket file of another server is left alone, one of nobody is replaced", async () => {
  const path = join(folder, "d.sock");
  const other = createServer().listen(path);
  await once(other, "listening");
  const refused = start("d");
  assert.equal(await refused.ended, 1);
  assert.ok(existsSync(path));
  other.close();
  await once(other, "close");
  writeFileSync(path, "a file");
  const again = start("d");
  assert.equal(await again.ended, 1);
  assert.equal(readFileSync(path, "utf8"), "a file");
});

test("a bad configuration", async () => {
  const flag = start("e", "--nonsense");
  assert.equal(await flag.ended, 125);
  assert.match(flag.output(), /^unknown flag: --nonsense\nSee 'berthd --help'\.\n/);
});

test("two engines in one process", async () => {
  const log = (): void => {};
  const configure = (name: string) => ({
    ...defaultConfig(),
    dataRoot: join(folder, name, "data"),
    execRoot: join(folder, name, "exec"),
    hosts: [`unix://${join(folder, `${name}.sock`)}`, "tcp://127.0.0.1:0"],
    network: { ...defaultConfig().network, bridge: "none" },
  });
  await using first = await createEngine(configure("f"), { log });
  await using second = await createEngine(configure("g"), { log });
  assert.equal(first.addresses.length, 2);
  assert.notEqual(first.addresses[1], second.addresses[1]);
  assert.notEqual((await get("f", "/info")).body.ID, (await get("g", "/info")).body.ID);
  await assert.rejects(createEngine(configure("f"), { log }), /another daemon is using the data root/);
});
