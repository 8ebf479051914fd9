import { conflict, systemError } from "../../base/errors.ts";
import type { ContainerContext } from "./context.ts";
import { eventAttributes } from "./record.ts";
import { transition } from "./state.ts";

/** Freezes every process of a running container. @throws EngineError not-found, conflict */
export const pause = (context: ContainerContext, reference: string): Promise<void> => {
  const { id } = context.containers.find(reference);
  return context.queue.run(id, async () => {
    const { state } = context.containers.find(id);
    const task = context.live.of(id).task;
    if (state.status === "restarting") {
      throw conflict(`Container ${id} is restarting, wait until the container is running`);
    }
    if (state.status !== "running" || !task) throw conflict(`container ${id} is not running`);
    if (state.paused) throw conflict(`Container ${id} is already paused`);
    await task.pause();
    change(context, id, "pause");
  });
};

/** Thaws a paused container. @throws EngineError not-found; system when it is not paused, as dockerd has it */
export const unpause = (context: ContainerContext, reference: string): Promise<void> => {
  const { id } = context.containers.find(reference);
  return context.queue.run(id, async () => {
    const { state } = context.containers.find(id);
    const task = context.live.of(id).task;
    if (state.status !== "running" || !state.paused || !task) throw systemError(`Container ${id} is not paused`);
    await task.resume();
    change(context, id, "unpause");
  });
};

const change = (context: ContainerContext, id: string, action: "pause" | "unpause"): void => {
  context.containers.update(
    id,
    (record) => ({ state: transition(record.state, { kind: action === "pause" ? "paused" : "unpaused" }) }),
    (transaction, record) =>
      transaction.emit({
        Type: "container",
        Action: action,
        Actor: { ID: id, Attributes: eventAttributes(record) },
      }),
  );
};
