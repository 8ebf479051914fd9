import type { ExitStatus } from "../../runtime/task-spec.ts";
import type { Task } from "../../runtime/task.ts";
import type { ContainerRecord } from "../record.ts";
import { restartsAtBoot } from "../restart/policy.ts";

/** What is found of a container's process when the daemon starts. */
export type Found = { kind: "running"; task: Task } | { kind: "exited"; exit: ExitStatus } | { kind: "lost" };

/** What to do about one container. */
export type RestoreAction =
  | { kind: "adopt"; id: string; task: Task }
  | { kind: "record-exit"; id: string; exit: ExitStatus }
  | { kind: "resume-restart"; id: string }
  | { kind: "start"; id: string }
  | { kind: "remove"; id: string };

/** The status of a process that went without a word, as Docker records it. */
export const lostExitCode = 255;

/** What a starting daemon does about each container, from what is recorded and what is found. Pure. */
export const planRestore = (
  records: Iterable<Readonly<ContainerRecord>>,
  found: ReadonlyMap<string, Found>,
  nowNs: bigint,
): RestoreAction[] => {
  const actions: RestoreAction[] = [];
  for (const record of records) {
    const action = planOne(record, found.get(record.id) ?? { kind: "lost" }, nowNs);
    if (action) actions.push(action);
  }
  return actions;
};

const planOne = (record: Readonly<ContainerRecord>, found: Found, nowNs: bigint): RestoreAction | undefined => {
  const { id, state, hostConfig, startedBefore, manuallyStopped, restartCount } = record;
  if (found.kind === "running") return { kind: "adopt", id, task: found.task };
  if (state.status === "running") {
    // The exit goes the way of every exit: restart policy, `--rm`, events.
    const lost: ExitStatus = { exitCode: lostExitCode, oomKilled: false, exitedAt: nowNs, logDroppedBytes: 0 };
    return { kind: "record-exit", id, exit: found.kind === "exited" ? found.exit : lost };
  }
  if (state.status === "restarting") return { kind: "resume-restart", id };
  // Whoever was to start it, or to hear of its end, has gone with the earlier daemon.
  if (hostConfig.AutoRemove) return { kind: "remove", id };
  const facts = { exitCode: state.exitCode, manuallyStopped, startedBefore, restartCount };
  return restartsAtBoot(hostConfig.RestartPolicy, facts) ? { kind: "start", id } : undefined;
};
