import type { ContainerContext } from "./context.ts";

/** Lets go of every container, at the end of the engine: processes, shims and clients' streams run on without it. */
export const closeContainers = (context: ContainerContext): void => {
  context.live.closed = true;
  for (const [, live] of context.live.entries()) {
    live.health?.stop();
    if (live.restart) clearTimeout(live.restart.timer);
    live.restart = undefined;
    live.task?.[Symbol.dispose]();
    live.task = undefined;
  }
  for (const task of context.execs.tasks()) task[Symbol.dispose]();
};
