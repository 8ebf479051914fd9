import { closeSync, mkdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { invalidParameter, systemError } from "../../../base/errors.ts";
import { isCode } from "../../../linux/error.ts";
import { pathOf } from "../../../linux/file/open.ts";
import { makeDirectories } from "../../../linux/file/make-directories.ts";
import { MS, mountTmpfs, umount } from "../../../linux/mount/mount.ts";
import { attachTree, cloneTree } from "../../../linux/mount/tree.ts";
import { openSubpath } from "../../volume/subpath.ts";
import type { SpecMount, SpecTmpfs } from "../../runtime/spec/input.ts";
import { bindSourceError } from "../../runtime/start-error.ts";
import { idmap } from "../../storage/remap/idmap.ts";
import type { Remap } from "../../storage/remap/remap.ts";
import type { ContainerContext } from "../context.ts";
import { dataFolder } from "../folders.ts";
import { mountImages } from "../image-mounts.ts";
import type { ContainerRecord, MountRecord } from "../record.ts";
import { propagationOf } from "./propagation.ts";

/** What a container's mounts have become for the runtime. */
export interface PreparedMounts {
  binds: SpecMount[];
  tmpfs: SpecTmpfs[];
  /** The directory for /dev/shm, where it is shared. */
  shmPath: string | undefined;
}

/**
 * Makes everything that a container's mounts need on the host: volumes are mounted, missing
 * bind sources made where `-v` promised it, shared memory mounted where it outlives one container.
 * @param remap how the container's owners are mapped: those of volumes and images are, those of binds are the host's
 * @throws EngineError in Docker's words
 */
export const mountAll = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  remap: Remap | undefined,
): Promise<PreparedMounts> => {
  const images = mountImages(context, record, remap);
  const binds: SpecMount[] = [];
  const tmpfs: SpecTmpfs[] = [];
  for (const [index, mount] of record.mounts.entries()) {
    const destination = mount.Destination ?? "";
    if (mount.Type === "tmpfs") {
      tmpfs.push({ destination, options: mount.tmpfsOptions ?? "" });
      continue;
    }
    const whole = await sourceOf(context, record, mount, images);
    const idmap = whole.own ? remap?.userNamespace : undefined;
    const source =
      mount.subpath === undefined && idmap === undefined
        ? whole.path
        : pin(whole.path, mount.subpath ?? ".", pinFile(context, record, index), idmap);
    const propagation = propagationOf(source, mount);
    binds.push({
      source,
      destination,
      readOnly: mount.RW === false,
      file: !statSync(source).isDirectory(),
      ...(propagation === undefined ? {} : { propagation }),
      ...mount.bindOptions,
    });
  }
  for (const [destination, options] of Object.entries(record.hostConfig.Tmpfs ?? {})) {
    tmpfs.push({ destination, options });
  }
  return { binds, tmpfs, shmPath: sharedMemory(context, record, remap) };
};

/** Where a mount is on the host, and whether its files are a volume's own, stored with the ids that containers see. */
interface Source {
  path: string;
  own: boolean;
}

const sourceOf = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  mount: MountRecord,
  images: ReadonlyMap<string, string>,
): Promise<Source> => {
  if (mount.Type === "volume") return volumeSource(context, record, mount);
  const image = images.get(mount.image?.layer ?? "");
  return { path: image ?? bindSource(context, record, mount), own: false };
};

const volumeSource = async (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  mount: MountRecord,
): Promise<Source> =>
  context.volumes.mount(mount.Name ?? "", record.id, {
    destination: mount.Destination ?? "",
    readOnly: mount.RW === false,
  });

const bindSource = (context: ContainerContext, record: Readonly<ContainerRecord>, mount: MountRecord): string => {
  const source = mount.Source ?? "";
  try {
    statSync(source);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") {
      const runtime = record.hostConfig.Runtime || context.settings.defaultRuntime;
      throw bindSourceError(runtime, source, mount.Destination ?? "", "not a directory");
    }
    if (code !== "ENOENT") throw error;
    if (!mount.createSource) {
      throw invalidParameter(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
    }
    makeSource(source);
  }
  return source;
};

/** @throws EngineError system in Docker's words */
const makeSource = (source: string): void => {
  try {
    makeDirectories(source);
  } catch (error) {
    // A dangling symlink is there and leads nowhere: for Go, the file exists.
    const words: Record<string, string> = { EEXIST: "file exists", ENOENT: "no such file or directory" };
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw systemError(
      `error while creating mount source path '${source}': mkdir ${source}: ${words[code] ?? message}`,
      error,
    );
  }
};

/**
 * `--ipc shareable` has its /dev/shm on the host, so that others can join it; `container:X` uses X's, `host` the host's;
 * a private one is the runtime's own tmpfs.
 */
const sharedMemory = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  remap: Remap | undefined,
): string | undefined => {
  const mode = record.hostConfig.IpcMode ?? "";
  if (mode === "host") return "/dev/shm";
  if (mode.startsWith("container:")) {
    const other = context.containers.find(mode.slice("container:".length));
    return shmFolder(context, other.id);
  }
  if (mode !== "shareable") return undefined;
  const folder = shmFolder(context, record.id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const size = record.hostConfig.ShmSize || context.settings.defaultShmSizeBytes;
  mountTmpfs(folder, {
    source: "shm",
    flags: MS.noexec | MS.nosuid | MS.nodev,
    data: { mode: "1777", size: String(size), ...remap?.owner },
  });
  return folder;
};

/** Takes a shareable /dev/shm away; those that joined it keep what they have open. */
export const releaseSharedMemory = async (
  context: ContainerContext,
  { id, hostConfig }: Readonly<ContainerRecord>,
): Promise<void> => {
  if (hostConfig.IpcMode !== "shareable") return;
  try {
    umount(shmFolder(context, id), { detach: true });
  } catch (error) {
    // It was never mounted, or is gone already.
    if (!isCode(error, "EINVAL", "ENOENT")) throw error;
  }
};

/** Where a container's shareable /dev/shm is mounted. */
export const shmFolder = (context: ContainerContext, id: string): string =>
  join(dataFolder(context.settings, id), "mounts", "shm");

/**
 * Mounts a subpath where only the engine can change what it means, for the runtime to bind: between this and the
 * runtime's look at a path of the volume, another container could put a symlink to the host there.
 * @param userNamespace maps its owners; what is mounted below it is the host's
 * @returns `target`
 * @throws EngineError not-found in Docker's words
 */
const pin = (root: string, subpath: string, target: string, userNamespace: number | undefined): string => {
  const found = openSubpath(root, subpath);
  try {
    const isDirectory = statSync(pathOf(found)).isDirectory();
    mkdirSync(isDirectory ? target : dirname(target), { recursive: true, mode: 0o700 });
    if (!isDirectory) writeFileSync(target, "");
    const tree = cloneTree(found, { recursive: true });
    try {
      if (userNamespace !== undefined) idmap(tree, userNamespace, `the filesystem of ${root}`);
      attachTree(tree, target);
    } finally {
      closeSync(tree);
    }
    return target;
  } finally {
    closeSync(found);
  }
};

/** Where a container's mount is pinned. */
const pinFile = (context: ContainerContext, { id }: Readonly<ContainerRecord>, index: number): string =>
  join(dataFolder(context.settings, id), "mounts", `pin-${index}`);

/** Takes away what `mountAll` pinned; the container keeps its own mounts of it. */
export const releasePins = async (context: ContainerContext, record: Readonly<ContainerRecord>): Promise<void> => {
  for (const [index, { subpath, Type }] of record.mounts.entries()) {
    if (subpath === undefined && !(Type === "volume" && record.idMapping)) continue;
    const target = pinFile(context, record, index);
    try {
      umount(target, { detach: true });
    } catch (error) {
      if (!isCode(error, "EINVAL", "ENOENT")) throw error;
    }
    removePin(target);
  }
};

/** The next time it may be a file instead of a directory. Never with what is in it: that would be the volume's. */
const removePin = (target: string): void => {
  const found = statSync(target, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (found.isDirectory()) rmdirSync(target);
  else unlinkSync(target);
};
