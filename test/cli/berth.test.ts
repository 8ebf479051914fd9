// `bin/berth` against a real engine, with the stock docker CLI beside it where both say the same.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { busyboxArchive } from "../support/busybox-image.ts";
import { Daemon } from "../support/daemon.ts";
import { Docker, type Outcome, type RunOptions, runProgram } from "../support/docker.ts";
import { busyboxLayer, imageOf } from "../support/image.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";

const program = join(import.meta.dirname, "../../bin/berth");
let daemon: Daemon;
let docker: Docker;
let registry: TestRegistry;

const berth = (args: string[], options: RunOptions = {}): Promise<Outcome> =>
  runProgram([program, "-H", `unix://${daemon.socketPath}`, ...args], options);

before(async () => {
  daemon = await Daemon.start();
  docker = new Docker(daemon.socketPath);
  registry = await startRegistry();
});

after(async () => {
  await berth(["rm", "-f", "b-web", "b-tty"]);
  docker[Symbol.dispose]();
  await registry[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

test("load and images", async () => {
  const archive = join(daemon.folder, "busybox.tar");
  await writeFile(archive, busyboxArchive());
  const loaded = await berth(["load", "-i", archive]);
  assert.deepEqual([loaded.code, loaded.stdout], [0, "Loaded image: busybox:latest\n"]);
  assert.equal((await berth(["images"])).stdout, (await docker.run(["images"])).stdout);
  assert.equal((await berth(["images", "-q"])).stdout, (await docker.run(["images", "-q"])).stdout);
});

test("run: output, input, exit codes as docker's", async () => {
  assert.equal((await berth(["run", "--rm", "busybox", "echo", "hello"])).stdout, "hello\n");
  assert.equal((await berth(["run", "--rm", "-i", "busybox", "cat"], { input: "in\n" })).stdout, "in\n");
  const both = await berth(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"]);
  assert.deepEqual(both, { code: 7, stdout: "out\n", stderr: "err\n" });
  assert.equal((await berth(["run", "--rm", "busybox", "no-such-program"])).code, 127);
  assert.equal((await berth(["run", "--rm", "busybox", "/etc"])).code, 126);
  assert.equal((await berth(["run", "--nope"])).code, 125);
});

test("run -d, ps, logs, exec, inspect, stop, rm", async () => {
  const script = "echo started; trap 'exit 3' TERM; while :; do sleep 0.05; done";
  const run = await berth([
    "run",
    "-d",
    "--name",
    "b-web",
    "-p",
    "18433:80",
    "-e",
    "A=1",
    "busybox",
    "sh",
    "-c",
    script,
  ]);
  assert.match(run.stdout, /^[0-9a-f]{64}\n$/);
  const ps = await berth(["ps"]);
  assert.match(ps.stdout, /^CONTAINER ID {3}IMAGE {5}COMMAND/);
  assert.match(
    ps.stdout,
    /"sh -c 'echo started…" .* Up .* 0\.0\.0\.0:18433->80\/tcp, \[::\]:18433->80\/tcp {3}b-web\n$/,
  );
  assert.equal((await berth(["ps", "-q", "--no-trunc"])).stdout, run.stdout);
  for (const format of [
    "{{.ID}} {{.Image}} {{.Command}} {{.State}} {{.Ports}} {{.Names}} {{.Networks}} {{.CreatedAt}}",
    "table {{.Names}}\\t{{.Mounts}}{{.LocalVolumes}}",
  ])
    assert.deepEqual(await berth(["ps", "--format", format]), await docker.run(["ps", "--format", format]));
  for (const format of [
    "{{.State.Status}} {{range $p, $b := .NetworkSettings.Ports}}{{$p}} {{(index $b 0).HostPort}}{{end}}",
    "{{json .Config.Env}}",
  ])
    assert.deepEqual(
      await berth(["inspect", "-f", format, "b-web"]),
      await docker.run(["inspect", "-f", format, "b-web"]),
    );
  assert.deepEqual(await berth(["inspect", "no-such"]), await docker.run(["inspect", "no-such"]));
  assert.equal((await berth(["logs", "b-web"])).stdout, "started\n");
  const exec = await berth(["exec", "b-web", "sh", "-c", "echo $A; exit 5"]);
  assert.deepEqual([exec.code, exec.stdout], [5, "1\n"]);
  const [document] = JSON.parse((await berth(["inspect", "b-web"])).stdout) as { Name: string }[];
  assert.equal(document?.Name, "/b-web");
  assert.equal((await berth(["inspect", "no-such"])).code, 1);
  const stopped = await berth(["stop", "b-web"]);
  assert.deepEqual([stopped.code, stopped.stdout], [0, "b-web\n"]);
  assert.match((await berth(["ps", "-a", "--filter", "name=b-web"])).stdout, /Exited \(3\)/);
  assert.equal((await berth(["rm", "b-web"])).stdout, "b-web\n");
  const gone = await berth(["rm", "b-web"]);
  assert.deepEqual([gone.code, gone.stderr], [1, "Error response from daemon: No such container: b-web\n"]);
});

test("pull and a run that pulls", async () => {
  const image = imageOf({ layers: [busyboxLayer()] });
  await registry.put(image, "team/app", "1");
  const name = `${registry.host}/team/app:1`;
  const pulled = await berth(["pull", name]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.match(pulled.stdout, /Status: Downloaded newer image for /);
  assert.match((await berth(["inspect", "--type", "image", name])).stdout, new RegExp(image.id));
  assert.equal((await docker.run(["rmi", name])).code, 0);
  const run = await berth(["run", "--rm", name, "echo", "pulled"]);
  assert.deepEqual([run.code, run.stdout], [0, "pulled\n"]);
  assert.match(run.stderr, /Unable to find image '.*' locally/);
});

test("version, info, help, an unknown command, no engine", async () => {
  assert.match((await berth(["version"])).stdout, /API version: +1\.51 \(minimum version 1\.24\)/);
  assert.match((await berth(["info"])).stdout, /Storage Driver: overlay2/);
  assert.match((await berth(["--help"])).stdout, /Usage: {2}berth/);
  assert.equal((await berth(["nonsense"])).code, 1);
  const nowhere = await runProgram([program, "-H", "unix:///nonexistent.sock", "ps"]);
  assert.deepEqual([nowhere.code, nowhere.stdout], [1, ""]);
  assert.match(nowhere.stderr, /is the berthd daemon running\?/);
});
