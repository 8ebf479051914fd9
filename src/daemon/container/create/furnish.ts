import { createDirectory } from "../../runtime/rootfs/working-directory.ts";
import type { ContainerContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { wantedRemap } from "../remap.ts";

/**
 * Makes what is to be in a container's files from the beginning, so that they can be copied out and in before it ever
 * ran: its working directory, and in its empty volumes what the image has there.
 * @throws EngineError system
 */
export const furnish = async (context: ContainerContext, record: Readonly<ContainerRecord>): Promise<void> => {
  const { id, config, mounts } = record;
  const volumes = mounts.filter(({ Type, copyUp }) => Type === "volume" && copyUp);
  if (!config.WorkingDir && volumes.length === 0) return;
  const rootfs = context.layers.writable.mount(id);
  try {
    if (config.WorkingDir) createDirectory(rootfs, config.WorkingDir);
    for (const { Name = "", Destination = "" } of volumes) {
      // oxlint-disable-next-line no-await-in-loop -- one volume may be mounted twice, and is filled once
      await context.volumes.fill(Name, rootfs, Destination, wantedRemap(context, record)?.mapping);
    }
  } finally {
    await context.layers.writable.unmount(id);
  }
};
