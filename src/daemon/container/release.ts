import { messageOf } from "../../base/errors.ts";
import type { ContainerContext } from "./context.ts";
import { unmountImages } from "./image-mounts.ts";
import type { ContainerRecord } from "./record.ts";
import { releaseSharedMemory, releasePins } from "./start/mounts.ts";

/** Gives back what a run of the container held: network, root filesystem, volumes. Safe to call again. */
export const releaseResources = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  options: {
    /** The root filesystem goes with the container's layer, which is removed next. */
    keepRoot?: boolean;
  } = {},
): Promise<void> => {
  const results = await Promise.allSettled([
    context.networks.release(record.id),
    options.keepRoot ? undefined : context.layers.writable.unmount(record.id),
    context.volumes.unmountAll(record.id),
    unmountImages(context, record),
    releaseSharedMemory(context, record),
    releasePins(context, record),
  ]);
  const failed = results.filter((result) => result.status === "rejected");
  for (const { reason } of failed) complain(context, record.id, reason);
};

/** Says in the log what could not be given back. */
export const complain = (context: ContainerContext, id: string, error: unknown): void =>
  context.settings.log?.("warn", `container ${id}: cleaning up after its exit: ${messageOf(error)}`);
