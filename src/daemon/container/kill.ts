import { conflict, invalidParameter, prefixed, systemError } from "../../base/errors.ts";
import { signalNumber } from "../../linux/signal.ts";
import type { ContainerContext } from "./context.ts";
import { cancelRestart } from "./restart/schedule.ts";
import { type ContainerRecord, eventAttributes } from "./record.ts";

const sigkill = 9;
const sigterm = 15;

/** The signal that stops this container by its own wish; SIGTERM when it has none. */
export const stopSignalOf = (record: ContainerRecord): number =>
  signalNumber(record.config.StopSignal ?? "") ?? sigterm;

/** @throws EngineError invalid-parameter in Docker's words */
export const parseSignal = (text: string): number => {
  const number = signalNumber(text);
  if (number === undefined) {
    throw invalidParameter(
      /^[1-9]\d*$/.test(text) ? `the linux daemon does not support signal ${text}` : `invalid signal: ${text}`,
    );
  }
  return number;
};

/**
 * Sends a signal to the container's first process.
 * SIGKILL and the container's stop signal are taken as "the user wants it stopped": no restart policy follows them.
 * @param signal name or number; empty for SIGKILL
 * @throws EngineError not-found, conflict when the container is not running, invalid-parameter
 */
export const kill = async (context: ContainerContext, reference: string, signal: string): Promise<void> => {
  try {
    const number = signal === "" ? sigkill : parseSignal(signal);
    const { id } = context.containers.find(reference);
    await context.queue.run(id, () => sendSignal(context, id, number));
    if (number === sigkill) await waitForExit(context, id);
  } catch (error) {
    throw prefixed(`cannot kill container: ${reference}`, error);
  }
};

/**
 * For verbs that are inside the container's queue already.
 * @param isEnding the caller waits for its exit: a process that is gone already is what it wants
 */
export const sendSignal = async (
  context: ContainerContext,
  id: string,
  number: number,
  isEnding = number === sigkill,
): Promise<void> => {
  const { containers, live } = context;
  const record = containers.find(id);
  const running = live.of(id).task;
  if (record.state.status === "restarting") {
    cancelRestart(context, id);
    return;
  }
  if (record.state.status !== "running" || !running) throw notRunning(record);
  const stops = number === sigkill || number === stopSignalOf(record);
  const emit = (): void =>
    context.database.emit({
      Type: "container",
      Action: "kill",
      Actor: { ID: id, Attributes: { ...eventAttributes(record), signal: String(number) } },
    });
  if (stops && !record.manuallyStopped) containers.update(id, () => ({ manuallyStopped: true }));
  if (!running.signal(number)) {
    // It is gone already and its exit is on its way through the queue.
    if (!isEnding) throw systemError(`Cannot kill container: ${id}: No such process`);
    return;
  }
  // A frozen process acts on SIGKILL only once it is thawed.
  if (number === sigkill && record.state.paused) await running.resume();
  emit();
};

/** Docker answers a SIGKILL once the process is gone; ten seconds at most. */
const killPatienceMs = 10_000;

const waitForExit = async (context: ContainerContext, id: string): Promise<void> => {
  const state = context.containers.get(id)?.state;
  if (state?.status !== "running") return;
  const entry = context.live.of(id);
  let finish = (): void => {};
  const exited = new Promise<void>((resolve) => (finish = resolve));
  const timer = setTimeout(finish, killPatienceMs);
  entry.nextExit.add(finish);
  await exited;
  clearTimeout(timer);
  entry.nextExit.delete(finish);
};

export const notRunning = (record: ContainerRecord): Error => conflict(`container ${record.id} is not running`);
