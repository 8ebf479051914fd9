import { umount } from "../../linux/mount/mount.ts";
import { copyUp } from "./copy-up.ts";
import type { VolumeContext } from "./context.ts";
import { dataPath, find } from "./document.ts";
import { isMounted, mountLocal } from "./local.ts";

export interface MountOptions {
  /** Where the container sees it. */
  destination: string;
  readOnly: boolean;
}

/**
 * Makes a volume ready for a container that starts.
 * @returns the host path to bind
 * @throws EngineError not-found, system
 */
export const mountVolume = async (
  context: VolumeContext,
  name: string,
  containerId: string,
  options: MountOptions,
): Promise<{ path: string }> => {
  const record = find(context, name);
  const path = dataPath(context, name);
  const users = context.mounted.get(name) ?? new Set<string>();
  if (isMounted(record.options) && users.size === 0) mountLocal(record.options ?? {}, path);
  users.add(containerId);
  context.mounted.set(name, users);
  context.database.emit({
    Type: "volume",
    Action: "mount",
    Actor: {
      ID: name,
      Attributes: {
        container: containerId,
        destination: options.destination,
        driver: "local",
        propagation: "",
        "read/write": String(!options.readOnly),
      },
    },
  });
  return { path };
};

/**
 * Fills an empty volume with what a container's image has where it will be mounted.
 * @param rootfs the container's root, as the host sees it
 * @throws EngineError not-found, system
 */
export const fillVolume = async (
  context: VolumeContext,
  name: string,
  rootfs: string,
  destination: string,
): Promise<void> => {
  const record = find(context, name);
  const path = dataPath(context, name);
  const isUnmounted = isMounted(record.options) && (context.mounted.get(name)?.size ?? 0) === 0;
  if (isUnmounted) mountLocal(record.options ?? {}, path);
  try {
    await copyUp(context, rootfs, destination, path);
  } finally {
    if (isUnmounted) umount(path, { detach: true });
  }
};

/** Lets go of every volume that a container was started with. */
export const unmountVolumes = (context: VolumeContext, containerId: string): void => {
  for (const [name, users] of context.mounted) {
    if (!users.delete(containerId)) continue;
    context.database.emit({
      Type: "volume",
      Action: "unmount",
      Actor: { ID: name, Attributes: { container: containerId, driver: "local" } },
    });
    if (users.size > 0) continue;
    context.mounted.delete(name);
    const record = context.volumes.get(name);
    if (record && isMounted(record.options)) umount(dataPath(context, name), { detach: true });
  }
};
