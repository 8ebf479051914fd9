import { conflict, notModified } from "../../../base/errors.ts";
import type { ContainerContext } from "../context.ts";
import { isPaused } from "../state.ts";
import { launch } from "./launch.ts";

/**
 * Starts a container; answers when its process runs and its published ports work.
 * @throws EngineError not-found, not-modified when it runs already, conflict, and why the process could not be started
 */
export const start = (context: ContainerContext, reference: string): Promise<void> => {
  const { id } = context.containers.find(reference);
  return context.queue.run(id, async () => {
    const record = context.containers.find(id);
    const live = context.live.of(id);
    if (isPaused(record.state)) throw conflict("cannot start a paused container, try unpause instead");
    if (record.state.status === "running" || record.state.status === "restarting") throw notModified("");
    if (live.removing || record.state.status === "dead") {
      throw conflict("container is marked for removal and cannot be started");
    }
    if (record.restartCount > 0) context.containers.update(id, () => ({ restartCount: 0 }));
    live.lastDelayMs = 0;
    await launch(context, id);
  });
};
