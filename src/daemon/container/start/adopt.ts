import type { Task } from "../../runtime/task.ts";
import type { ContainerContext } from "../context.ts";
import { beginHealth } from "../health/begin.ts";
import { isPaused, transition } from "../state.ts";
import { watchTask } from "./launch.ts";

/** Takes over the task of a container that an earlier daemon started. */
export const adopt = (context: ContainerContext, id: string, task: Task): void => {
  const record = context.containers.find(id);
  const live = context.live.of(id);
  live.task = task;
  // The earlier daemon may have died between the start of the process and its record.
  const running =
    record.state.status === "running" && record.state.pid === task.pid
      ? record
      : (context.containers.update(id, ({ state }) => ({
          state: transition(state, { kind: "started", pid: task.pid, atNs: task.startedAt.toString() }),
          startedBefore: true,
          filesWritten: true,
          logOpened: true,
        })) ?? record);
  // The earlier daemon may have died in the middle of a commit, which stops the processes without a record of it.
  if (!isPaused(running.state)) task.unstick();
  watchTask(context, id, task);
  beginHealth(context, running);
};
