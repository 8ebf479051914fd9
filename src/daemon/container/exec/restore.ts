import { existsSync } from "node:fs";
import { lostStatus, TaskProcess } from "../../runtime/process.ts";
import type { ContainerContext } from "../context.ts";
import { execFolder } from "../folders.ts";
import { finishExec, watchExec } from "./finish.ts";

/** Adopts the execs that an earlier daemon started and that still run; records the end of the others. */
export const restoreExecs = async (context: ContainerContext): Promise<void> => {
  const unfinished = [...context.execs.values()].filter(({ state }) => state.status !== "exited");
  await Promise.all(
    unfinished.map(async ({ id, state }) => {
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
    }),
  );
};
