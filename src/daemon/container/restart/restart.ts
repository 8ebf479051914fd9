import type { ContainerContext } from "../context.ts";
import { eventAttributes } from "../record.ts";
import { start } from "../start/start.ts";
import { isActive } from "../state.ts";
import { emitStop, type StopOptions, stopRunning } from "../stop.ts";

/**
 * Stops the container when it runs and starts it. `--rm` does not remove it in between.
 * @throws EngineError as `stop` and `start` do
 */
export const restart = async (context: ContainerContext, reference: string, options: StopOptions): Promise<void> => {
  const { id, state } = context.containers.find(reference);
  const live = context.live.of(id);
  live.keep = true;
  try {
    await stopRunning(context, id, options);
    if (isActive(state)) emitStop(context, context.containers.find(id));
  } finally {
    live.keep = false;
  }
  await start(context, id);
  const record = context.containers.find(id);
  context.database.emit({
    Type: "container",
    Action: "restart",
    Actor: { ID: id, Attributes: eventAttributes(record) },
  });
};
