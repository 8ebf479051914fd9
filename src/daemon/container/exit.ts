import type { ExitStatus } from "../runtime/task-spec.ts";
import type { ContainerContext } from "./context.ts";
import { taskFolder } from "./folders.ts";
import { settle } from "./live.ts";
import { type ContainerRecord, eventAttributes } from "./record.ts";
import { complain, releaseResources } from "./release.ts";
import { deleteContainer } from "./remove.ts";
import { restartsAfterExit } from "./restart/policy.ts";
import { scheduleRestart } from "./restart/schedule.ts";
import { untilDone } from "./retry.ts";
import { isActive, transition } from "./state.ts";

/**
 * Takes in that a container's first process has ended: the record, the `die` event, its restart policy, its network
 * and mounts, whoever waits, and `--rm`. Told twice (by the task and after a restore), it acts once. What a full disk keeps
 * from being recorded is tried again until it is.
 */
export const handleExit = (context: ContainerContext, id: string, exit: ExitStatus): Promise<void> =>
  untilDone(context, id, () => context.queue.run(id, () => exited(context, id, exit)));

/** `handleExit` for callers inside the container's queue. @throws what kept it from being recorded; nothing has changed then */
export const exited = async (context: ContainerContext, id: string, exit: ExitStatus): Promise<void> => {
  const before = context.containers.get(id);
  if (before?.state.status !== "running") return;
  const live = context.live.of(id);
  const restarting =
    !live.removing &&
    !live.keep &&
    restartsAfterExit(before.hostConfig.RestartPolicy, {
      exitCode: exit.exitCode,
      manuallyStopped: before.manuallyStopped,
      restartCount: before.restartCount,
    });
  const ranMs = Number((exit.exitedAt - BigInt(before.state.startedNs ?? 0)) / 1_000_000n);
  const record = recordExit(context, before, exit, restarting, ranMs);
  const task = live.task;
  live.task = undefined;
  live.health?.stop();
  live.health = undefined;
  // A container that is removed next waits for the sync there.
  const removes = (record.hostConfig.AutoRemove ?? false) && !restarting && !live.keep;
  const saved = removes ? undefined : context.database.synced().catch((error: unknown) => complain(context, id, error));
  live.lastExit = { StatusCode: exit.exitCode };
  await Promise.all([releaseResources(context, record, { keepRoot: removes }), saved]);
  context.execs.forgetUnstarted(id);
  // What the runtime keeps of it goes in its own time; a next start waits for that.
  const removed = task ? task.delete() : context.runtime.clean(taskFolder(context.settings, id));
  void removed.catch((error: unknown) => complain(context, id, error));
  if (restarting) {
    scheduleRestart(context, id, ranMs);
    return;
  }
  live.lastDelayMs = 0;
  settle(live.nextExit, live.lastExit);
  if (removes) await removeByItself(context, record, { released: true });
};

/** Removes a container as `--rm` asked for: what a full disk refuses is tried again. Inside the container's queue. */
export const removeByItself = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  options: { released?: boolean } = {},
): Promise<void> => {
  const { id } = record;
  try {
    await deleteContainer(context, record, { removeVolumes: true, ...options });
  } catch (error) {
    complain(context, id, error);
    void untilDone(context, id, () => context.queue.run(id, () => removeAgain(context, id)));
  }
};

const removeAgain = async (context: ContainerContext, id: string): Promise<void> => {
  const now = context.containers.get(id);
  if (now && !isActive(now.state)) await deleteContainer(context, now, { removeVolumes: true });
};

const recordExit = (
  context: ContainerContext,
  before: Readonly<ContainerRecord>,
  exit: ExitStatus,
  restarting: boolean,
  ranMs: number,
): Readonly<ContainerRecord> => {
  const { id } = before;
  const attributes = eventAttributes(before);
  return (
    context.containers.update(
      id,
      ({ state }) => ({
        restartCounted: false,
        state: transition(state, {
          kind: "exited",
          exitCode: exit.exitCode,
          oomKilled: exit.oomKilled,
          atNs: exit.exitedAt.toString(),
          restarting,
        }),
      }),
      (transaction) => {
        if (exit.oomKilled && before.state.status === "running" && !before.state.oomKilled) {
          transaction.emit({ Type: "container", Action: "oom", Actor: { ID: id, Attributes: attributes } });
        }
        transaction.emit({
          Type: "container",
          Action: "die",
          Actor: {
            ID: id,
            Attributes: {
              ...attributes,
              execDuration: String(Math.max(0, Math.trunc(ranMs / 1000))),
              exitCode: String(exit.exitCode),
            },
          },
        });
      },
      "light",
    ) ?? before
  );
};
