import { lostExitCode } from "../restore/plan.ts";
import type { ContainerContext } from "../context.ts";
import { finishExec, watchExec } from "./finish.ts";

/** Adopts the execs that an earlier daemon started and that still run; records the end of the others. */
export const restoreExecs = async (context: ContainerContext): Promise<void> => {
  await Promise.all(
    [...context.execs.values()].map(async ({ id, containerId, state }) => {
      if (state.status === "exited") return;
      const found = await context.runtimes.adoptExec(containerId, id);
      if (found?.kind === "running") {
        context.execs.setTask(id, found.task);
        const record = context.execs.find(id);
        if (state.status === "created") {
          context.execs.put({ ...record, state: { status: "running", pid: found.task.pid } });
        }
        watchExec(context, id, found.task);
      } else if (found?.kind === "exited") {
        finishExec(context, id, found.exit);
      } else if (state.status === "running") {
        finishExec(context, id, { exitCode: lostExitCode, oomKilled: false, exitedAtNs: context.clock.nowNs() });
      }
    }),
  );
};
