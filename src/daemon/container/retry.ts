import type { ContainerContext } from "./context.ts";
import { complain } from "./release.ts";

/** How long what must be recorded waits for a disk that takes nothing. */
const retryMs = 1000;

/**
 * Does what has to be done however long it takes: tried again each second while it fails, as on a full disk, until the
 * engine closes. Each try begins from the record as it is then. Not to be waited for inside a container's queue.
 */
export const untilDone = async (context: ContainerContext, id: string, work: () => Promise<void>): Promise<void> => {
  for (let tries = 0; !context.live.closed; tries += 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- tried again until it is done
      await work();
      return;
    } catch (error) {
      // A daemon without a database has nothing to record in, and a full disk need not be told each second.
      if (context.live.closed) return;
      if (tries === 0) complain(context, id, error);
      // oxlint-disable-next-line no-await-in-loop
      await new Promise<void>((resolve) => void setTimeout(resolve, retryMs).unref());
    }
  }
};
