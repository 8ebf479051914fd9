import { rmSync } from "node:fs";
import { conflict, invalidParameter, isKind, messageOf } from "../../base/errors.ts";
import type { ContainerContext } from "./context.ts";
import { releaseResources } from "./release.ts";
import { dataFolder, taskFolder } from "./folders.ts";
import { removeImageLayers } from "./image-mounts.ts";
import { settle } from "./live.ts";
import { type ContainerRecord, eventAttributes } from "./record.ts";
import { releasePins } from "./start/mounts.ts";
import { cancelRestart } from "./restart/schedule.ts";
import { isActive, isPaused, statusWord } from "./state.ts";
import { stopRunning } from "./stop.ts";

export interface RemoveOptions {
  force?: boolean;
  removeVolumes?: boolean;
  removeLink?: boolean;
}

/**
 * Removes a container; with `force` also a running one. Answers when its name, addresses, ports and files are free.
 * @throws EngineError not-found, conflict when it runs or is being removed
 */
export const remove = async (context: ContainerContext, reference: string, options: RemoveOptions): Promise<void> => {
  const record = context.containers.find(reference);
  if (options.removeLink) throw invalidParameter(`Could not get the name of the link: ${reference} is no link`);
  const live = context.live.of(record.id);
  if (live.removing) throw conflict(`removal of container ${reference} is already in progress`);
  if (!options.force) requireStopped(record);
  live.removing = true;
  try {
    if (isActive(record.state)) await endRunning(context, record.id);
    while (!(await deleteStopped(context, record.id, options))) await endRunning(context, record.id);
  } catch (error) {
    live.removing = false;
    // A removal that was refused is none: who waits for one goes on waiting.
    if (!isKind(error, "conflict")) {
      settle(live.removed, { ...live.lastExit, Error: { Message: messageOf(error) } });
    }
    throw error;
  }
};

/** @throws EngineError conflict in Docker's words */
const requireStopped = ({ name, state }: Readonly<ContainerRecord>): void => {
  if (!isActive(state)) return;
  const advice = isPaused(state)
    ? "container is paused and must be unpaused first"
    : `container is ${statusWord(state)}: stop the container before removing or force remove`;
  throw conflict(`cannot remove container "${name}": ${advice}`);
};

/**
 * Deletes it unless it runs: a start that was under way may have come first.
 * @returns false when it runs and is to be ended by force
 */
const deleteStopped = (context: ContainerContext, id: string, options: RemoveOptions): Promise<boolean> =>
  context.queue.run(id, async () => {
    const now = context.containers.get(id);
    if (!now) return true;
    if (!options.force) requireStopped(now);
    if (isActive(now.state)) return false;
    await deleteContainer(context, now, options);
    return true;
  });

const endRunning = async (context: ContainerContext, id: string): Promise<void> => {
  await context.queue.run(id, () => {
    if (context.containers.get(id)?.state.status === "restarting") cancelRestart(context, id);
  });
  await stopRunning(context, id, { signal: "SIGKILL", timeoutSeconds: 0 });
};

/** Removes a container that does not run. Inside its queue. */
export const deleteContainer = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  options: Pick<RemoveOptions, "removeVolumes"> & {
    /** Its exit has just given everything back. */
    released?: boolean;
  },
): Promise<void> => {
  const { id } = record;
  const live = context.live.of(id);
  live.removing = true;
  // A start that failed half-way or a crash may have left something.
  if (!options.released) await releaseResources(context, record);
  context.execs.forgetContainer(id);
  context.volumes.unreference(id);
  if (options.removeVolumes) await removeAnonymousVolumes(context, record);
  context.containers.delete(record, (transaction) =>
    transaction.emit({
      Type: "container",
      Action: "destroy",
      Actor: { ID: id, Attributes: eventAttributes(record) },
    }),
  );
  context.live.forget(id);
  try {
    await context.database.synced();
  } finally {
    // That its start failed is no failure of the removal.
    const { StatusCode } = live.lastExit;
    settle(live.nextExit, { StatusCode });
    settle(live.removed, { StatusCode });
    // Nobody can ask for these any more: they go behind the answer, and after a crash at the next start.
    setImmediate(() => {
      void discard(context, record).catch((error: unknown) =>
        context.settings.log?.("warn", `container ${id}: removing its files: ${messageOf(error)}`),
      );
    });
  }
};

/** Takes the layers and the files of a container that has no record any more off the disk. */
const discard = async (context: ContainerContext, record: Readonly<ContainerRecord>): Promise<void> => {
  const { id } = record;
  await context.layers.writable.remove(id);
  await removeImageLayers(context, record);
  await collectLayers(context, record);
  // What is still mounted in its folder would be deleted with it.
  await releasePins(context, record);
  context.trash.throwAway(dataFolder(context.settings, id));
  // Its folder says what the runtime keeps of the container, so it goes last.
  const folder = taskFolder(context.settings, id);
  await context.runtime.clean(folder);
  rmSync(folder, { recursive: true, force: true });
};

/** An image that was removed by force left its layers to the containers that had it. */
const collectLayers = async (
  context: ContainerContext,
  { id, imageId, mounts }: Readonly<ContainerRecord>,
): Promise<void> => {
  const images = [imageId, ...mounts.flatMap(({ image }) => image?.id ?? [])];
  if (images.every((image) => context.images.find(image) !== undefined)) return;
  try {
    await context.images.collect();
  } catch (error) {
    context.settings.log?.("warn", `container ${id}: collecting its image's layers: ${messageOf(error)}`);
  }
};

const removeAnonymousVolumes = async (context: ContainerContext, record: Readonly<ContainerRecord>): Promise<void> => {
  for (const mount of record.mounts) {
    if (mount.Type !== "volume" || !mount.anonymous || !mount.Name) continue;
    try {
      await context.volumes.remove(mount.Name, { force: false });
    } catch {
      // Another container uses it: it stays, as in Docker.
    }
  }
};
