import { existsSync } from "node:fs";
import { messageOf } from "../../../base/errors.ts";
import { Task } from "../../runtime/task.ts";
import type { ContainerContext } from "../context.ts";
import { restoreExecs } from "../exec/restore.ts";
import { handleExit, releaseResources } from "../exit.ts";
import { taskFolder } from "../folders.ts";
import { deleteContainer } from "../remove.ts";
import { scheduleRestart } from "../restart/schedule.ts";
import { adopt } from "../start/adopt.ts";
import { launch } from "../start/launch.ts";
import { collectFolders } from "./collect.ts";
import { type Found, planRestore, type RestoreAction } from "./plan.ts";

/**
 * Takes up the containers that an earlier daemon left: the running ones are adopted with their networks and execs, the
 * exits that nobody saw are recorded, restart policies go on. When it resolves, every running container is served;
 * containers that are to be started start behind it.
 */
export const restore = async (context: ContainerContext): Promise<void> => {
  const found = await observe(context);
  const running = new Set([...found].filter(([, what]) => what.kind === "running").map(([id]) => id));
  await context.networks.restore(running);
  const actions = planRestore(context.containers.values(), found, context.clock.nowNs());
  for (const action of actions) if (action.kind === "adopt") adopt(context, action.id, action.task);
  await restoreExecs(context);
  await Promise.all(
    actions.map(async (action) => {
      if (action.kind !== "adopt") await execute(context, action);
    }),
  );
  await collectFolders(context);
};

/** Looks for the process of every container that may have one. */
const observe = async (context: ContainerContext): Promise<Map<string, Found>> => {
  const found = new Map<string, Found>();
  await Promise.all(
    [...context.containers.values()].map(async ({ id }) => {
      const folder = taskFolder(context.settings, id);
      if (!existsSync(folder)) return;
      try {
        const what = await context.runtime.adopt(folder);
        found.set(id, what instanceof Task ? { kind: "running", task: what } : { kind: "exited", exit: what });
      } catch (error) {
        context.settings.log?.("error", `looking for container ${id}: ${messageOf(error)}`);
      }
    }),
  );
  return found;
};

const execute = async (context: ContainerContext, action: Exclude<RestoreAction, { kind: "adopt" }>): Promise<void> => {
  const { id } = action;
  const complain = (error: unknown): void =>
    context.settings.log?.("error", `restoring container ${id}: ${messageOf(error)}`);
  try {
    switch (action.kind) {
      case "record-exit":
        await handleExit(context, id, action.exit);
        return;
      case "resume-restart":
        await context.queue.run(id, async () => {
          const record = context.containers.get(id);
          if (record) await releaseResources(context, record);
          scheduleRestart(context, id, 0);
        });
        return;
      case "start":
        // Not awaited: a container that is slow to start does not hold up the daemon.
        void context.queue.run(id, () => launch(context, id)).catch(complain);
        return;
      case "remove":
        await context.queue.run(id, async () => {
          const record = context.containers.get(id);
          if (record) await deleteContainer(context, record, { removeVolumes: true });
        });
        return;
    }
  } catch (error) {
    complain(error);
  }
};
