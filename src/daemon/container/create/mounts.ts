import { posix } from "node:path";
import { invalidParameter, messageOf } from "../../../base/errors.ts";
import { newId } from "../../../base/ids.ts";
import type { ContainerConfig, HostConfig } from "../../../wire/engine/container.ts";
import type { ContainerContext } from "../context.ts";
import type { MountRecord } from "../record.ts";
import { checkDestination, parseBind, parseBindMode } from "./bind.ts";
import { parseMount } from "./mount.ts";
import { withPropagation } from "./propagation.ts";

/** Mount points that would hide what the engine itself puts there. */
const forbiddenVolumes = ["/proc", "/sys", "/dev"];

/**
 * All mounts of a new container: those of `--volumes-from`, then `-v`, then `--mount`, then the volumes that the image or
 * `-v /path` ask for where nothing is yet. Later ones replace earlier ones of `--volumes-from` only.
 * @throws EngineError in Docker's words
 */
export const collectMounts = (
  context: ContainerContext,
  config: ContainerConfig,
  hostConfig: HostConfig,
): MountRecord[] => {
  const mounts = new Map<string, MountRecord>();
  for (const mount of inherited(context, hostConfig.VolumesFrom ?? [])) mounts.set(mount.Destination ?? "", mount);
  const own = new Set(Object.keys(hostConfig.Tmpfs ?? {}).map((path) => posix.normalize(path)));
  const add = (mount: MountRecord): void => {
    const destination = mount.Destination ?? "";
    if (own.has(destination)) throw invalidParameter(`Duplicate mount point: ${destination}`);
    own.add(destination);
    mounts.set(destination, withPropagation(context.settings.dataRoot, mount));
  };
  for (const text of hostConfig.Binds ?? []) add(parseBind(text));
  for (const mount of hostConfig.Mounts ?? []) add(parseMount(mount));
  for (const path of Object.keys(config.Volumes ?? {})) {
    checkVolumePath(path);
    const destination = posix.normalize(path).replace(/(.)\/$/, "$1");
    if (own.has(destination) || mounts.has(destination)) continue;
    mounts.set(destination, {
      Type: "volume",
      Destination: destination,
      RW: true,
      Mode: "",
      Propagation: "",
      anonymous: true,
      copyUp: true,
    });
  }
  return [...mounts.values()];
};

/** Names the unnamed volumes and makes those that are not there yet. */
export const createVolumes = async (
  context: ContainerContext,
  mounts: readonly MountRecord[],
  driver: string,
  containerId: string,
): Promise<MountRecord[]> => {
  const made: MountRecord[] = [];
  for (const mount of mounts) {
    if (mount.Type !== "volume") {
      made.push(mount);
      continue;
    }
    const { volumeOptions, ...kept } = mount;
    const anonymous = mount.Name === undefined;
    const labels = { ...volumeOptions?.labels, ...(anonymous ? { "com.docker.volume.anonymous": "" } : {}) };
    const volume = await context.volumes.create({
      Name: mount.Name ?? newId(),
      Driver: volumeOptions?.driver || driver || "local",
      ...(isFilled(volumeOptions?.driverOptions) ? { DriverOpts: volumeOptions.driverOptions } : {}),
      ...(isFilled(labels) ? { Labels: labels } : {}),
    });
    context.volumes.reference(volume.Name, containerId);
    made.push({ ...kept, Name: volume.Name, Source: volume.Mountpoint, Driver: volume.Driver });
  }
  return made;
};

/** What nothing was said of stays null in the volume's document. */
const isFilled = (map: Record<string, string> | undefined): map is Record<string, string> =>
  map !== undefined && Object.keys(map).length > 0;

const checkVolumePath = (path: string): void => {
  try {
    checkDestination(path);
  } catch (error) {
    throw invalidParameter(`invalid volume specification: '${path}': ${messageOf(error)}`);
  }
  const normal = posix.normalize(path);
  if (forbiddenVolumes.some((root) => normal === root || normal.startsWith(`${root}/`))) {
    throw invalidParameter(`invalid volume specification: '${path}': a volume cannot be mounted over ${normal}`);
  }
};

const inherited = (context: ContainerContext, specs: readonly string[]): MountRecord[] =>
  specs.flatMap((spec) => {
    const [reference = "", mode] = spec.split(":");
    if (reference === "") throw invalidParameter(`malformed volumes-from specification: ${spec}`);
    let readOnly = false;
    if (mode !== undefined) readOnly = parseBindMode(mode).readOnly;
    let other;
    try {
      other = context.containers.find(reference);
    } catch (error) {
      throw invalidParameter(messageOf(error), error);
    }
    return other.mounts.map((mount) => ({
      ...mount,
      RW: (mount.RW ?? true) && !readOnly,
      Mode: "",
      anonymous: false,
      copyUp: false,
    }));
  });
