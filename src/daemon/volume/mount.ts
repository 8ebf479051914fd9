import { umount } from "../../linux/mount/mount.ts";
import { mountTable } from "../../linux/mount/table.ts";
import type { IdMapping } from "../../linux/namespace/id-mapping.ts";
import { newId } from "../../base/ids.ts";
import { copyUp } from "./copy-up.ts";
import type { VolumeContext } from "./context.ts";
import { dataPath, find } from "./document.ts";
import { isMounted, mountLocal } from "./local.ts";
import type { VolumeRecord } from "./record.ts";

export interface MountOptions {
  /** Where the container sees it. */
  destination: string;
  readOnly: boolean;
}

/**
 * Makes a volume ready for a container that starts.
 * @returns the host path to bind, and whether its files are the engine's own: not mounted from elsewhere
 * @throws EngineError not-found, system
 */
export const mountVolume = async (
  context: VolumeContext,
  name: string,
  containerId: string,
  options: MountOptions,
): Promise<{ path: string; own: boolean }> => {
  take(context, name, containerId);
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
  return { path: dataPath(context, name), own: !isMounted(find(context, name).options) };
};

/**
 * Fills an empty volume with what a container's image has where it will be mounted.
 * @param rootfs the container's root, as the host sees it
 * @param mapping how the container's owners will be seen outside
 * @throws EngineError not-found, system
 */
export const fillVolume = async (
  context: VolumeContext,
  name: string,
  rootfs: string,
  destination: string,
  mapping?: IdMapping,
): Promise<void> => {
  using _held = holdVolume(context, name);
  const elsewhere = isMounted(find(context, name).options) ? mapping : undefined;
  await copyUp(context, rootfs, destination, dataPath(context, name), elsewhere);
};

/**
 * Keeps a volume mounted while its files are used and no container may run with it; dispose it behind that.
 * @throws EngineError not-found, system
 */
export const holdVolume = (context: VolumeContext, name: string): Disposable => {
  // Not a container's id: neither an exit takes the mount from a copy, nor the end of a copy from a container.
  const user = newId();
  take(context, name, user);
  return { [Symbol.dispose]: () => letGo(context, name, user) };
};

/** Takes away what is mounted for a volume, whoever has it: its files are about to be deleted, and are not what is mounted. */
export const forgetMounts = (context: VolumeContext, { name, options }: Readonly<VolumeRecord>): void => {
  context.mounted.delete(name);
  if (isMounted(options)) clear(dataPath(context, name));
};

/** Lets go of every volume that a container was started with. */
export const unmountVolumes = (context: VolumeContext, containerId: string): void => {
  for (const [name, users] of context.mounted) {
    if (!users.has(containerId)) continue;
    context.database.emit({
      Type: "volume",
      Action: "unmount",
      Actor: { ID: name, Attributes: { container: containerId, driver: "local" } },
    });
    letGo(context, name, containerId);
  }
};

/** Mounts a volume for its first user. */
const take = (context: VolumeContext, name: string, user: string): void => {
  const { options } = find(context, name);
  const users = context.mounted.get(name) ?? new Set<string>();
  if (isMounted(options) && users.size === 0) {
    const path = dataPath(context, name);
    // A daemon that was killed may have left one.
    clear(path);
    mountLocal(options ?? {}, path);
  }
  context.mounted.set(name, users.add(user));
};

/** Unmounts a volume behind its last user. */
const letGo = (context: VolumeContext, name: string, user: string): void => {
  const users = context.mounted.get(name);
  if (!users?.delete(user) || users.size > 0) return;
  context.mounted.delete(name);
  if (isMounted(context.volumes.get(name)?.options ?? null)) clear(dataPath(context, name));
};

/** Unmounts all that is mounted at a path; nothing when somebody else already did. */
const clear = (path: string): void => {
  for (const { target } of mountTable()) if (target === path) umount(path, { detach: true });
};
