import { messageOf, notModified, systemError } from "../../base/errors.ts";
import type { ContainerContext } from "./context.ts";
import { parseSignal, sendSignal, stopSignalOf } from "./kill.ts";
import { isActive } from "./state.ts";
import { type ContainerRecord, eventAttributes } from "./record.ts";

export interface StopOptions {
  /** Name or number; empty or absent for the container's own stop signal. */
  signal?: string | undefined;
  /** Seconds until SIGKILL; negative waits for ever; absent for the container's own. */
  timeoutSeconds?: number | undefined;
}

const defaultStopTimeoutSeconds = 10;
const sigkill = 9;
/** How long a SIGKILL may take before the stop is called failed. */
const killPatienceMs = 10_000;

/**
 * Stops a container: its stop signal, then SIGKILL after the grace. Answers when it has stopped.
 * @throws EngineError not-found, not-modified when it is not running, system for all else, as dockerd has it
 */
export const stop = async (context: ContainerContext, reference: string, options: StopOptions): Promise<void> => {
  const record = context.containers.find(reference);
  if (!isActive(record.state)) throw notModified("");
  try {
    await stopRunning(context, record.id, options);
  } catch (error) {
    throw systemError(`cannot stop container: ${reference}: ${messageOf(error)}`, error);
  }
  emitStop(context, context.containers.get(record.id) ?? record);
};

export const emitStop = (context: ContainerContext, record: Readonly<ContainerRecord>): void =>
  context.database.emit({
    Type: "container",
    Action: "stop",
    Actor: { ID: record.id, Attributes: eventAttributes(record) },
  });

/** `stop` without its answer and event, for restart, remove and shutdown. Does nothing when it is not running. */
export const stopRunning = async (context: ContainerContext, id: string, options: StopOptions): Promise<void> => {
  const { containers, live, queue } = context;
  const record = containers.find(id);
  const number = options.signal ? parseSignal(options.signal) : stopSignalOf(record);
  const seconds = options.timeoutSeconds ?? record.config.StopTimeout ?? defaultStopTimeoutSeconds;
  // Its exit may have removed it (`--rm`).
  const isRunningStill = (): boolean => {
    const now = containers.get(id);
    return now !== undefined && isActive(now.state);
  };
  const entry = live.of(id);
  let finish = (): void => {};
  const exited = new Promise<true>((resolve) => (finish = () => resolve(true)));
  entry.nextExit.add(finish);
  try {
    const sent = await queue.run(id, async () => {
      if (!isRunningStill()) return false;
      containers.update(id, () => ({ manuallyStopped: true }));
      await sendSignal(context, id, number, true);
      return isRunningStill();
    });
    if (!sent) return;
    if (await within(exited, seconds < 0 ? undefined : seconds * 1000)) return;
    await queue.run(id, async () => {
      if (isRunningStill()) await sendSignal(context, id, sigkill);
    });
    if (await within(exited, killPatienceMs)) return;
    throw systemError(`container ${id} did not exit within ${killPatienceMs / 1000} seconds of a SIGKILL`);
  } finally {
    entry.nextExit.delete(finish);
  }
};

/** True when `promise` resolves within the time; without a time it always does. */
const within = async (promise: Promise<true>, timeoutMs: number | undefined): Promise<boolean> => {
  if (timeoutMs === undefined) return promise;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => (timer = setTimeout(resolve, timeoutMs, false)));
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
};
