import { existsSync } from "node:fs";
import { messageOf } from "../../../base/errors.ts";
import { Task } from "../../runtime/task.ts";
import { mountsBelow } from "../../../linux/mount/table.ts";
import type { ContainerContext } from "../context.ts";
import { restoreExecs } from "../exec/restore.ts";
import { handleExit } from "../exit.ts";
import { releaseResources } from "../release.ts";
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
  await releaseLeftovers(context, running);
  for (const action of actions) {
    if (action.kind !== "adopt") continue;
    adopt(context, action.id, action.task);
    // The configuration may have another mapping by now, or none.
    const { id, idMapping } = context.containers.find(action.id);
    // oxlint-disable-next-line no-await-in-loop -- one mapping for all, as a rule
    if (idMapping) await context.remaps.open(idMapping).catch((error: unknown) => complain(context, id, error));
  }
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
        if (what instanceof Task) {
          found.set(id, { kind: "running", task: what });
          return;
        }
        found.set(id, { kind: "exited", exit: what });
        // Not awaited: a next start of the container waits for it.
        void context.runtime.clean(folder).catch((error: unknown) => complain(context, id, error));
      } catch (error) {
        complain(context, id, error);
      }
    }),
  );
  return found;
};

/** The daemon was killed between the record of an exit and the end of its mounts. */
const releaseLeftovers = async (context: ContainerContext, running: ReadonlySet<string>): Promise<void> => {
  const mounted = [
    ...mountsBelow(context.settings.dataRoot).map(({ target }) => target),
    ...context.layers.writable.mapped(),
  ];
  for (const record of context.containers.values()) {
    if (running.has(record.id) || record.state.status === "running") continue;
    if (mounted.some((target) => target.includes(record.id))) await releaseResources(context, record);
  }
};

const complain = (context: ContainerContext, id: string, error: unknown): void =>
  context.settings.log?.("error", `restoring container ${id}: ${messageOf(error)}`);

const execute = async (context: ContainerContext, action: Exclude<RestoreAction, { kind: "adopt" }>): Promise<void> => {
  const { id } = action;
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
        void context.queue.run(id, () => launch(context, id)).catch((error: unknown) => complain(context, id, error));
        return;
      case "remove":
        await context.queue.run(id, async () => {
          const record = context.containers.get(id);
          if (record) await deleteContainer(context, record, { removeVolumes: record.hostConfig.AutoRemove ?? false });
        });
        return;
    }
  } catch (error) {
    complain(context, id, error);
  }
};
