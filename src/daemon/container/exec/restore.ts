import { existsSync } from "node:fs";
import { isKind, messageOf } from "../../../base/errors.ts";
import { lostStatus, TaskProcess } from "../../runtime/process.ts";
import type { ContainerContext } from "../context.ts";
import { execFolder } from "../folders.ts";
import { finishExec, removeFolder, watchExec } from "./finish.ts";
import type { ExecRecord } from "./record.ts";

/** Adopts the execs that an earlier daemon started and that still run; records the end of the others. */
export const restoreExecs = async (context: ContainerContext): Promise<void> => {
  const unfinished = [...context.execs.values()].filter(({ state }) => state.status !== "exited");
  await Promise.all(
    unfinished.map(async (record) => {
      try {
        await restoreExec(context, record);
      } catch (error) {
        // One exec must not keep the daemon from starting. That there is no task means that it was never started.
        if (!isKind(error, "not-found")) {
          context.settings.log?.("error", `restoring exec ${record.id}: ${messageOf(error)}`);
        }
        if (record.state.status === "running") finishExec(context, record.id, lostStatus());
        else removeFolder(context, record.id);
      }
    }),
  );
};

const restoreExec = async (context: ContainerContext, { id, state }: Readonly<ExecRecord>): Promise<void> => {
  const folder = execFolder(context.settings, id);
  if (!existsSync(folder)) {
    // Never started, or the machine was started anew since.
    if (state.status === "running") finishExec(context, id, lostStatus());
    return;
  }
  const found = await context.runtime.adoptExec(folder);
  if (!(found instanceof TaskProcess)) {
    finishExec(context, id, found);
    return;
  }
  context.execs.setTask(id, found);
  if (state.status === "created") {
    context.execs.put({ ...context.execs.find(id), state: { status: "running", pid: found.pid } });
  }
  watchExec(context, id, found);
};
