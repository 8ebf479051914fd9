import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, ok, systemd } from "./engine.ts";

const tracing = "/sys/kernel/tracing";
const events = ["cgroup/cgroup_attach_task", "sched/sched_process_exec"];

/** What the kernel saw of these events while something was done, oldest first: `NAME: KEY=VALUE …`. */
const traced = (work: () => void): string[] => {
  const enable = (value: string) =>
    events.forEach((each) => writeFileSync(join(tracing, "events", each, "enable"), value));
  writeFileSync(join(tracing, "trace"), "");
  enable("1");
  try {
    work();
  } finally {
    enable("0");
  }
  const lines = readFileSync(join(tracing, "trace"), "utf8").split("\n");
  return lines.flatMap((line) => /(?:cgroup_attach_task|sched_process_exec): .*$/.exec(line)?.[0] ?? []);
};

/** What the daemon does ahead of a start, as the kernel sees it. */
export const startChecks = async (runtime: string, daemon: number): Promise<void> => {
  const run = () => void ok("run", "--rm", "--runtime", runtime, "busybox", "true");

  await check(`${runtime}: the daemon moves itself to where it is before the container is moved`, () => {
    const own = readFileSync(`/proc/${daemon}/cgroup`, "utf8").trim().replace("0::", "");
    const moves = traced(run).filter((line) => line.startsWith("cgroup_attach_task"));
    const path = (line: string) => /dst_path=(\S+)/.exec(line)?.[1] ?? "";
    const ahead = moves.findIndex((line) => line.includes(` pid=${daemon} `) && path(line) === own);
    const container = moves.findIndex((line) => /[0-9a-f]{64}/.test(path(line)));
    // With cgroupfs crun makes the process in its cgroup (CLONE_INTO_CGROUP), and nothing is moved.
    assert.equal(container >= 0, runtime === "runc" || systemd, moves.join(" | "));
    assert.ok(ahead >= 0 && (container < 0 || ahead < container), moves.join(" | "));
    assert.equal(readFileSync(`/proc/${daemon}/cgroup`, "utf8").trim(), `0::${own}`);
  });

  await check(`${runtime}: it is executed from sealed memory, and makes no copy of itself`, () => {
    const programs = traced(run).flatMap((line) => /sched_process_exec: filename=(\S+)/.exec(line)?.[1] ?? []);
    const started = programs.slice(programs.indexOf("/berth/build/berth-shim") + 1);
    const own = runtime === "runc" ? ["/proc/self/exe"] : [];
    // The kernel's name of what execveat(2) was given a descriptor of.
    assert.match(started[0] ?? "", /^\/dev\/fd\/\d+$/);
    const rest = [...own, "/bin/true"];
    assert.deepEqual(started.slice(1, 1 + rest.length), rest, programs.join(" "));
  });
};
