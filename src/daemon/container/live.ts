import type { Task } from "../runtime/task.ts";
import type { PendingAttachment } from "./attach/pending.ts";
import type { HealthMonitor } from "./health/monitor.ts";

/** How a wait for a container ends. **Source:** Engine API, ContainerWaitResponse. */
export interface WaitResult {
  StatusCode: number;
  Error?: { Message: string };
}

/** What is true of a container only while this daemon runs. */
export interface Live {
  task?: Task | undefined;
  /** Clients that attached before the start; the start hands them their streams. */
  pending: Set<PendingAttachment>;
  /** Resolved at the next exit, and when the container is removed. */
  nextExit: Set<(result: WaitResult) => void>;
  /** Resolved once the record is gone. */
  removed: Set<(result: WaitResult) => void>;
  health?: HealthMonitor | undefined;
  restart?: { timer: NodeJS.Timeout; delayMs: number } | undefined;
  lastDelayMs: number;
  removing: boolean;
  /** True while a restart is between its stop and its start: `--rm` must not remove the container. */
  keep: boolean;
  /** Copies under way that need the merged root mounted. */
  rootUsers: number;
  /** The status of the last exit, for waits that began before it and end with the removal. */
  lastExit: WaitResult;
}

/** The live side of every container, by id. An entry is made when first asked for and goes with the container. */
export class LiveContainers {
  readonly #entries = new Map<string, Live>();
  /** True while a prune runs; a second one is refused. */
  pruning = false;
  /** True from the engine's end on: nothing is tried again. */
  closed = false;

  of(id: string): Live {
    let entry = this.#entries.get(id);
    if (!entry) {
      entry = {
        pending: new Set(),
        nextExit: new Set(),
        removed: new Set(),
        lastDelayMs: 0,
        removing: false,
        keep: false,
        rootUsers: 0,
        lastExit: { StatusCode: 0 },
      };
      this.#entries.set(id, entry);
    }
    return entry;
  }

  find(id: string): Live | undefined {
    return this.#entries.get(id);
  }

  forget(id: string): void {
    this.#entries.delete(id);
  }

  entries(): IterableIterator<[string, Live]> {
    return this.#entries.entries();
  }
}

/** Calls and empties a set of waiters. */
export const settle = (waiters: Set<(result: WaitResult) => void>, result: WaitResult): void => {
  const all = [...waiters];
  waiters.clear();
  for (const waiter of all) waiter(result);
};
