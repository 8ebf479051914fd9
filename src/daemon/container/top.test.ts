import assert from "node:assert/strict";
import { test } from "node:test";
import { kill } from "../../linux/process/kill.ts";
import { spawn } from "../../linux/process/spawn.ts";
import { parseOutput, top } from "./top.ts";

const running = (pids: number[]) => ({ id: "abc", running: true, restarting: false, pids: () => pids });

test("the lines of the container's processes, the last column with its spaces", async () => {
  const child = spawn(["/bin/sleep", "31.25", "0"]);
  try {
    const listed = await top(running([child.pid]), "");
    assert.deepEqual(listed.Titles, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    assert.deepEqual(
      listed.Processes?.map((row) => [row[1], row.at(-1)]),
      [[`${child.pid}`, "/bin/sleep 31.25 0"]],
    );
    assert.deepEqual((await top(running([child.pid]), "-o pid,cmd")).Processes, [
      [`${child.pid}`, "/bin/sleep 31.25 0"],
    ]);
    assert.equal((await top(running([child.pid]), "faux")).Processes?.[0]?.[1], `${child.pid}`);
  } finally {
    kill(child.pid, 9);
    await child.exited;
  }
});

// Recorded from dockerd 28.5.2.
test("what is refused", async () => {
  const refuse = (args: string, message: string) =>
    assert.rejects(top(running([1]), args), { kind: "system", message });
  await refuse("-o cmd", "Couldn't find PID field in ps output");
  await refuse("-eo pid,args --no-headers", "Couldn't find PID field in ps output");
  await refuse("zzz", "ps: error: unsupported option (BSD syntax)");
  await refuse("-eo cmd=PID", 'specifying "cmd=PID" is not allowed');
  const stopped = { ...running([]), running: false };
  await assert.rejects(top(stopped, ""), { kind: "conflict", message: "container abc is not running" });
  await assert.rejects(top({ ...running([]), restarting: true }, ""), { kind: "conflict" });
});

test("threads come with their process", () => {
  const output = "PID LWP CMD\n 7 - a b\n - 8 -\n 9 - c\n - 10 -\n";
  assert.deepEqual(parseOutput(output, new Set([7])).Processes, [
    ["7", "-", "a b"],
    ["-", "8", "-"],
  ]);
  assert.equal(parseOutput(output, new Set([1])).Processes, null);
  assert.throws(() => parseOutput("PID\nx\n", new Set()), {
    message: `Unexpected pid 'x': strconv.Atoi: parsing "x": invalid syntax`,
  });
});
