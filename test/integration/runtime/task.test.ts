import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { detectRuntime } from "../../../src/daemon/runtime/oci-runtime.ts";
import { createSpec } from "../../../src/daemon/runtime/spec/create.ts";
import { TaskStartError } from "../../../src/daemon/runtime/start-error.ts";
import { Task } from "../../../src/daemon/runtime/task.ts";
import { directoryOf } from "../../../src/linux/cgroup/layout.ts";
import { kill } from "../../../src/linux/process/kill.ts";
import { startTime } from "../../../src/linux/process/start-time.ts";
import { readShimFile } from "../../../src/daemon/runtime/shim/exit-file.ts";
import { Sandbox, readOutput } from "./sandbox.ts";

const outputs = { stdin: false, stdout: true, stderr: true, raw: false };

const begin = async (sandbox: Sandbox, runtime: string, hostConfig = {}): Promise<Task> => {
  const input = sandbox.input({ Cmd: ["sleep", "100"] }, hostConfig);
  return await sandbox.start(createSpec(input), input.id, { runtime });
};

for (const runtime of ["crun", "runc"]) {
  test(`${runtime}: a container runs, its output and status are exact, nothing of it is left`, async () => {
    await using sandbox = await Sandbox.open();
    const { status, stdout, stderr } = await sandbox.run(
      { Cmd: ["sh", "-c", "echo out; echo err >&2; exit 42"] },
      {},
      {},
      runtime,
    );
    assert.deepEqual([status.exitCode, stdout, stderr], [42, "out\n", "err\n"]);
    assert.deepEqual(readdirSync(join(sandbox.root, "state", runtime)), []);
    const parent = directoryOf(sandbox.cgroups, sandbox.parent, "memory") ?? "";
    const left = readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(left, []);
  });

  test(`${runtime}: what cannot be started is refused in Docker's words`, async () => {
    await using sandbox = await Sandbox.open();
    writeFileSync(join(sandbox.rootfs, "plain"), "text", { mode: 0o644 });
    const table: [string, number, RegExp][] = [
      ["nope", 127, /exec: "nope": executable file not found in \$PATH$/],
      ["/nope", 127, /exec: "\/nope": stat \/nope: no such file or directory$/],
      ["/plain", 126, /exec: "\/plain": permission denied$/],
      ["/bin", 126, /exec: "\/bin": permission denied$/],
      ["/plain/x", 127, /exec: "\/plain\/x": stat \/plain\/x: not a directory$/],
    ];
    const prefix = "failed to create task for container: failed to create shim task: OCI runtime create failed: ";
    for (const [command, exitCode, words] of table) {
      await assert.rejects(sandbox.run({ Cmd: [command] }, {}, {}, runtime), (error) => {
        assert.ok(error instanceof TaskStartError);
        assert.ok(error.message.startsWith(prefix), error.message);
        assert.match(error.message, words);
        assert.equal(error.exitCode, exitCode);
        return true;
      });
    }
    const mounts = [{ source: "/etc/hostname", destination: "/tmp", readOnly: false }];
    await assert.rejects(
      sandbox.run({ Cmd: ["true"] }, {}, { mounts }, runtime),
      /not a directory.*Are you trying to mount/,
    );
    const missing = [{ source: "/no/such/source", destination: "/tmp", readOnly: false }];
    await assert.rejects(sandbox.run({ Cmd: ["true"] }, {}, { mounts: missing }, runtime), /no such file or directory/);
  });

  test(`${runtime}: execs have statuses of their own, and refusals too`, async () => {
    await using sandbox = await Sandbox.open();
    const task = await begin(sandbox, runtime);
    const { process } = createSpec(sandbox.input({}));
    const run = async (name: string, args: string[]): Promise<[string, number]> => {
      const exec = await task.exec({
        dir: join(task.dir, "execs", name),
        process: { ...process, args },
        attach: [outputs],
      });
      const { stdout } = await readOutput(exec.attached[0]);
      const { exitCode } = await exec.exited;
      exec[Symbol.dispose]();
      return [stdout, exitCode];
    };
    assert.deepEqual(await run("a", ["sh", "-c", "echo in; exit 3"]), ["in\n", 3]);
    assert.deepEqual(await run("b", ["sh", "-c", "kill -9 $$"]), ["", 137]);
    await assert.rejects(
      run("c", ["nope"]),
      /^TaskStartError: OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in \$PATH$/,
    );
    assert.ok(task.running);
  });

  test(`${runtime}: pause, resume, limits and signals`, async () => {
    await using sandbox = await Sandbox.open();
    const task = await begin(sandbox, runtime, { Memory: 64 << 20, PidsLimit: 50, CpuShares: 512 });
    const read = (controller: string, file: string): string =>
      readFileSync(join(directoryOf(sandbox.cgroups, task.cgroup, controller) ?? "", file), "utf8").trim();
    assert.equal(read("memory", "memory.limit_in_bytes"), String(64 << 20));
    assert.equal(read("pids", "pids.max"), "50");
    assert.equal(read("cpu", "cpu.shares"), "512");
    await task.pause();
    assert.equal(task.paused, true);
    await task.resume();
    assert.equal(task.paused, false);
    await task.update({ memory: { limit: 96 << 20 }, pids: { limit: 60 } });
    assert.equal(read("memory", "memory.limit_in_bytes"), String(96 << 20));
    assert.equal(read("pids", "pids.max"), "60");
    assert.deepEqual(task.pids(), [task.pid]);
    assert.equal(task.signal(9), true);
    assert.equal((await task.exited).exitCode, 137);
    assert.equal(task.signal(9), false);
  });
}

test("a container that outgrows its memory is known to have done so", async () => {
  await using sandbox = await Sandbox.open();
  const { status } = await sandbox.run(
    { Cmd: ["dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"] },
    { Memory: 16 << 20, MemorySwap: 16 << 20 },
  );
  assert.equal(status.exitCode, 137);
  assert.equal(status.oomKilled, true);
});

const runtimes = () => Promise.all([detectRuntime("crun", "/usr/bin/crun"), detectRuntime("runc", "/usr/sbin/runc")]);

test("a later daemon finds containers and execs again, running and ended", async () => {
  await using sandbox = await Sandbox.open();
  const input = sandbox.input({ Cmd: ["sh", "-c", "read line; exit 6"] });
  const first = await sandbox.start(createSpec(input), input.id, { stdin: "open" });
  const { process } = createSpec(input);
  const execDir = join(first.dir, "execs/a");
  const exec = await first.exec({ dir: execDir, process: { ...process, args: ["sh", "-c", "exit 4"] } });
  await exec.exited;
  exec[Symbol.dispose]();
  first[Symbol.dispose]();
  const later = sandbox.another(await runtimes());
  const again = await later.adopt(first.dir);
  assert.ok(again instanceof Task);
  assert.equal(again.pid, first.pid);
  assert.equal(again.startedAt, first.startedAt);
  const stream = await again.attach({ stdin: true, stdout: true, stderr: true, raw: false });
  stream.end("line\n");
  stream.resume();
  assert.equal((await again.exited).exitCode, 6);
  const ended = await later.adopt(first.dir);
  assert.ok(!(ended instanceof Task));
  assert.equal(ended.exitCode, 6);
  const endedExec = await later.adoptExec(execDir);
  assert.ok("exitCode" in endedExec);
  assert.equal(endedExec.exitCode, 4);
  await later.clean(first.dir);
  again[Symbol.dispose]();
});

test("a shim that dies takes its container along, with status 255", async () => {
  await using sandbox = await Sandbox.open();
  const task = await begin(sandbox, "crun");
  const shim = await readShimFile(task.dir);
  const born = startTime(task.pid);
  kill(shim?.pid ?? -2, 9);
  const status = await task.exited;
  assert.equal(status.exitCode, 255);
  for (let waited = 0; startTime(task.pid) === born && waited < 2000; waited += 10) await sleep(10);
  assert.notEqual(startTime(task.pid), born);
  const later = await sandbox.another(await runtimes()).adopt(task.dir);
  assert.ok(!(later instanceof Task) && later.exitCode === 255);
});

test("an id starts again as soon as its delete was asked for", async () => {
  await using sandbox = await Sandbox.open();
  const input = sandbox.input({ Cmd: ["sh", "-c", "exit 1"] });
  const spec = createSpec(input);
  for (let round = 0; round < 5; round += 1) {
    const task = await sandbox.start(spec, input.id);
    assert.equal((await task.exited).exitCode, 1);
    void task.delete();
  }
  assert.ok(existsSync(sandbox.dir(input.id)));
});

test("the steps of a start are told in order", async () => {
  await using sandbox = await Sandbox.open();
  const input = sandbox.input({ Cmd: ["true"] });
  const steps: string[] = [];
  const task = await sandbox.start(createSpec(input), input.id, { trace: (step) => steps.push(step) });
  await task.exited;
  assert.deepEqual(steps, ["root checked", "bundle", "started"]);
});
