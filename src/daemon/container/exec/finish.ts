import { rmSync } from "node:fs";
import { EngineError, invalidParameter, messageOf } from "../../../base/errors.ts";
import type { TaskProcess } from "../../runtime/process.ts";
import { TaskStartError } from "../../runtime/start-error.ts";
import type { ExitStatus } from "../../runtime/task-spec.ts";
import type { ContainerContext } from "../context.ts";
import { execFolder } from "../folders.ts";
import { untilDone } from "../retry.ts";
import { execEvent } from "./create.ts";
import type { ExecRecord } from "./record.ts";

/** The exit code of an exec that could not be started for a reason of the engine's own. */
const engineFailureCode = 126;

/** Records the exec's end when it comes. */
export const watchExec = (context: ContainerContext, id: string, task: TaskProcess): void => {
  void task.exited.then((exit) =>
    untilDone(context, id, () => Promise.resolve().then(() => finishExec(context, id, exit))),
  );
};

/** @throws what kept the end from being recorded; nothing has changed then */
export const finishExec = (context: ContainerContext, id: string, exit: ExitStatus): void => {
  const record = context.execs.get(id);
  if (record && record.state.status !== "exited") recordEnd(context, record, exit);
  context.execs.setTask(id, undefined);
  removeFolder(context, id);
};

const recordEnd = (context: ContainerContext, record: Readonly<ExecRecord>, exit: ExitStatus): void => {
  const pid = record.state.status === "running" ? record.state.pid : 0;
  const ended: ExecRecord = {
    ...record,
    state: { status: "exited", exitCode: exit.exitCode, pid, endedMs: context.clock.now() },
  };
  const container = context.containers.get(record.containerId);
  context.execs.put(ended, container && execEvent(container, record, "exec_die", { exitCode: String(exit.exitCode) }));
};

/** What its shim left; the record has it now. What a crash leaves here goes at the next start of a daemon. */
export const removeFolder = (context: ContainerContext, id: string): void => {
  try {
    rmSync(execFolder(context.settings, id), { recursive: true, force: true });
  } catch {
    // No reason to fail what has been done.
  }
};

/** Keeps why an exec did not start, for its inspect, and gives the error to tell. */
export const startFailed = (context: ContainerContext, record: Readonly<ExecRecord>, error: unknown): EngineError => {
  const exitCode = error instanceof TaskStartError ? error.exitCode : engineFailureCode;
  context.execs.put({
    ...record,
    state: { status: "exited", exitCode, pid: 0, endedMs: context.clock.now() },
  });
  removeFolder(context, record.id);
  return error instanceof EngineError ? error : invalidParameter(messageOf(error), error);
};
