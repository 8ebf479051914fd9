import assert from "node:assert/strict";
import { test } from "node:test";
import { Sandbox, readOutput } from "./sandbox.ts";
import { createSpec } from "../../../src/daemon/runtime/spec/create.ts";

for (const runtime of ["crun", "runc"]) {
  test(`${runtime}: a container runs, its output and status are exact`, async () => {
    await using sandbox = await Sandbox.open();
    const { status, stdout, stderr } = await sandbox.run(
      { Cmd: ["sh", "-c", "echo out; echo err >&2; exit 42"] },
      {},
      {},
      runtime,
    );
    assert.deepEqual([status.exitCode, stdout, stderr], [42, "out\n", "err\n"]);
  });
}

test("exec", async () => {
  await using sandbox = await Sandbox.open();
  const input = sandbox.input({ Cmd: ["sleep", "100"] });
  const spec = createSpec(input);
  const task = await sandbox.start(spec, input.id);
  const exec = await task.exec({
    dir: `${sandbox.dir(input.id)}/execs/a`,
    process: { ...spec.process, args: ["sh", "-c", "grep Seccomp: /proc/self/status; exit 3"] },
    attach: [{ stdin: false, stdout: true, stderr: true, raw: false }],
  });
  assert.equal((await readOutput(exec.attached[0])).stdout, "Seccomp:\t2\n");
  assert.equal((await exec.exited).exitCode, 3);
  exec[Symbol.dispose]();
});
