import type { ContainerContext } from "../context.ts";
import { launch } from "../start/launch.ts";
import { settle } from "../live.ts";
import { untilDone } from "../retry.ts";
import { transition } from "../state.ts";
import { nextDelayMs } from "./policy.ts";

/** Starts the container again after the policy's delay. Call inside the container's queue, in state "restarting". */
export const scheduleRestart = (context: ContainerContext, id: string, ranMs: number): void => {
  const live = context.live.of(id);
  const delayMs = nextDelayMs(live.lastDelayMs, ranMs);
  live.lastDelayMs = delayMs;
  const timer = setTimeout(() => {
    live.restart = undefined;
    void untilDone(context, id, () => context.queue.run(id, () => restartNow(context, id)));
  }, delayMs);
  live.restart = { timer, delayMs };
};

/** Ends the wait for a restart: the container is stopped from here on. Inside the container's queue. */
export const cancelRestart = (context: ContainerContext, id: string): void => {
  const live = context.live.of(id);
  if (live.restart) clearTimeout(live.restart.timer);
  live.restart = undefined;
  const record = context.containers.update(id, ({ state }) => ({
    state: transition(state, { kind: "restart-cancelled" }),
    manuallyStopped: true,
  }));
  settle(live.nextExit, { StatusCode: record?.state.exitCode ?? 0 });
};

const restartNow = async (context: ContainerContext, id: string): Promise<void> => {
  const record = context.containers.get(id);
  if (record?.state.status !== "restarting") return;
  if (!record.restartCounted) {
    context.containers.update(id, ({ restartCount }) => ({ restartCount: restartCount + 1, restartCounted: true }));
  }
  try {
    await launch(context, id);
  } catch {
    // The failure is in the record; a container that cannot be started again is exited.
    cancelRestartAfterFailure(context, id);
  }
};

const cancelRestartAfterFailure = (context: ContainerContext, id: string): void => {
  const record = context.containers.update(id, ({ state }) => ({
    state: transition(state, { kind: "restart-cancelled" }),
  }));
  settle(context.live.of(id).nextExit, { StatusCode: record?.state.exitCode ?? 0 });
};
