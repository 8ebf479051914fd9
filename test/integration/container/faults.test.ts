// What the machine can do to the engine: a full disk, a missing runtime.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Daemon } from "../../support/daemon.ts";
import { Docker } from "../../support/docker.ts";
import { assertNoLeaks, empty, loadBusybox, scopeOf } from "../../support/engine.ts";
import { Http, waitUntil } from "../../support/http.ts";
import { takeInventory } from "../../support/leaks.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

test("a runtime that is gone is an error of the start, which leaves nothing", async () => {
  using folder = temporaryDirectory();
  const program = join(folder.path, "crun");
  execFileSync("/bin/cp", ["/usr/bin/crun", program]);
  const options = { folder: join(folder.path, "daemon"), args: ["--add-runtime", `own=${program}`] };
  mkdirSync(options.folder);
  await using daemon = await Daemon.start(options);
  using docker = new Docker(daemon.socketPath);
  const api = new Http(daemon.socketPath);
  await loadBusybox(api);
  await docker.ok("run", "--rm", "--runtime", "own", "busybox", "true");
  const before = takeInventory(scopeOf(daemon));
  rmSync(program);
  const failed = await docker.run(["run", "--rm", "--runtime", "own", "busybox", "true"]);
  assert.ok([125, 126, 127].includes(failed.code ?? 0), failed.stderr);
  assert.match(failed.stderr, /no such file or directory/i);
  const unknown = await docker.run(["run", "--rm", "--runtime", "other", "busybox", "true"]);
  assert.equal(unknown.code, 125);
  assert.match(unknown.stderr, /unknown or invalid runtime name: other/);
  await assertNoLeaks(before, scopeOf(daemon));
  await docker.ok("run", "--rm", "busybox", "true");
  await empty(api);
});

/** A folder with room for a daemon, an image and little else. */
const smallDisk = (): ReturnType<typeof temporaryDirectory> => {
  const folder = temporaryDirectory();
  execFileSync("/bin/mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", folder.path]);
  return folder;
};

test("a full disk is told, stops no container, and everything works once there is room", async () => {
  using folder = smallDisk();
  await using daemon = await Daemon.start({ folder: folder.path });
  using docker = new Docker(daemon.socketPath);
  const api = new Http(daemon.socketPath);
  await loadBusybox(api);
  await docker.ok(
    "run",
    "-d",
    "--name",
    "writing",
    "busybox",
    "sh",
    "-c",
    "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done",
  );
  const ballast = join(folder.path, "ballast");
  try {
    execFileSync("/bin/dd", ["if=/dev/zero", `of=${ballast}`, "bs=64k"], { stdio: "ignore" });
  } catch {
    // It ends with ENOSPC: that is what it is for.
  }
  const made = await docker.run(["run", "--name", "late", "busybox", "true"]);
  assert.notEqual(made.code, 0);
  assert.match(made.stderr, /no space left on device|disk is full/i);
  const loaded = await api.call("POST", "/images/load?quiet=1", Buffer.alloc(1 << 20));
  assert.ok(loaded.status >= 400 || /error/.test(loaded.text));
  assert.equal((await api.call("GET", "/_ping")).status, 200);
  await new Promise((resolve) => setTimeout(resolve, 300));
  rmSync(ballast);
  assert.equal(await docker.field("writing", "{{.State.Status}}"), "running");
  const last = async (): Promise<string> => docker.ok("logs", "-n", "1", "writing");
  const before = await last();
  await waitUntil(async () => (await last()) !== before, "the log to go on");
  await docker.ok("run", "--rm", "--name", "later", "busybox", "true");
  await empty(api);
});

test("what ends while the disk is full is recorded once there is room: exit codes, removals, restarts, execs", async () => {
  using folder = smallDisk();
  await using daemon = await Daemon.start({ folder: folder.path });
  using docker = new Docker(daemon.socketPath);
  const api = new Http(daemon.socketPath);
  await loadBusybox(api);
  const untilGo = (code: number): string[] => ["sh", "-c", `until [ -e /go/go ]; do sleep 0.1; done; exit ${code}`];
  const flags = join(folder.path, "..", `${folder.path.split("/").at(-1)}-go`);
  for (const name of ["seven", "gone", "again", "host"]) mkdirSync(join(flags, name), { recursive: true });
  const run = (name: string, options: string[], code: number): Promise<string> =>
    docker.ok("run", "-d", "--name", name, "-v", `${join(flags, name)}:/go`, ...options, "busybox", ...untilGo(code));
  try {
    await run("seven", [], 7);
    await run("gone", ["--rm"], 3);
    await run("again", ["--restart", "on-failure:1"], 5);
    await docker.ok("run", "-d", "--name", "host", "-v", `${join(flags, "host")}:/go`, "busybox", "sleep", "1000");
    const { Id: exec } = await api.ok<{ Id: string }>("POST", "/containers/host/exec", { Cmd: untilGo(9) });
    await api.ok("POST", `/exec/${exec}/start`, { Detach: true });
    const ballast = join(folder.path, "ballast");
    assert.throws(() => execFileSync("/bin/dd", ["if=/dev/zero", `of=${ballast}`, "bs=64k"], { stdio: "ignore" }));
    assert.notEqual((await docker.run(["create", "busybox"])).code, 0, "nothing can be recorded");
    for (const name of ["seven", "gone", "again", "host"]) writeFileSync(join(flags, name, "go"), "");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(await docker.field("seven", "{{.State.Status}}"), "running", "its end is not recorded");
    const waiting = api.call("POST", "/containers/seven/wait");
    rmSync(ballast);
    assert.deepEqual((await waiting).json, { StatusCode: 7 });
    assert.equal(await docker.field("seven", "{{.State.ExitCode}}"), "7");
    await waitUntil(async () => (await docker.run(["inspect", "gone"])).code !== 0, "the removal of gone");
    await waitUntil(async () => (await docker.field("again", "{{.State.Status}}")) === "exited", "the end of again");
    assert.equal(await docker.field("again", "{{.RestartCount}} {{.State.ExitCode}}"), "1 5");
    await waitUntil(async () => (await api.ok<{ ExitCode: number }>("GET", `/exec/${exec}/json`)).ExitCode === 9, "9");
    await empty(api);
  } finally {
    rmSync(flags, { recursive: true, force: true });
  }
});

test("a daemon with a broken configuration or an unusable data root says so and ends", async () => {
  using folder = temporaryDirectory();
  writeFileSync(join(folder.path, "file"), "");
  for (const [args, words] of [
    [["--data-root", join(folder.path, "file/below")], /ENOTDIR|not a directory|EEXIST: .*file.$/im],
    [["--add-runtime", "x"], /runtime/],
    [["--no-such-flag"], /unknown flag: --no-such-flag/],
  ] as const) {
    const home = join(folder.path, `home-${words.source.length}`);
    mkdirSync(home);
    await assert.rejects(Daemon.start({ folder: home, args: [...args] }), words);
  }
});
