import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { lookupUser } from "../runtime/user/lookup.ts";
import { readUserDatabase } from "../runtime/user/read.ts";
import { type CopySubject, getArchive, putArchive, statPath } from "./archive/archive.ts";
import type { PathStat } from "./archive/path-stat.ts";
import type { FileMount } from "./archive/views.ts";
import type { ContainerContext } from "./context.ts";
import { exportRoot } from "./export.ts";
import { etcFolder } from "./folders.ts";
import { remapOf } from "./remap.ts";
import type { Remap } from "../storage/remap/remap.ts";
import { mountImages, unmountImages } from "./image-mounts.ts";
import { type ContainerRecord, eventAttributes } from "./record.ts";
import { isRunning } from "./state.ts";

/** **Source:** Engine API, ContainerArchiveInfo. @throws EngineError */
export const statContainerPath = async (
  context: ContainerContext,
  reference: string,
  path: string,
): Promise<PathStat> => {
  await using root = await openFiles(context, context.containers.find(reference));
  return await statPath(context.copy, subjectOf(context, root, reference), path);
};

/** **Source:** Engine API, ContainerArchive. @throws EngineError */
export const getContainerArchive = async (
  context: ContainerContext,
  reference: string,
  path: string,
): Promise<{ stat: PathStat; tar: Readable }> => {
  const record = context.containers.find(reference);
  const root = await openFiles(context, record);
  try {
    const archive = await getArchive(context.copy, subjectOf(context, root, reference), path);
    archive.tar.once("close", () => void root[Symbol.asyncDispose]());
    tell(context, record, "archive-path");
    return archive;
  } catch (error) {
    await root[Symbol.asyncDispose]();
    throw error;
  }
};

/** **Source:** Engine API, PutContainerArchive. @throws EngineError */
export const putContainerArchive = async (
  context: ContainerContext,
  reference: string,
  path: string,
  content: Readable,
  options: { noOverwriteDirNonDir: boolean; copyUIDGID: boolean; signal?: AbortSignal },
): Promise<void> => {
  const record = context.containers.find(reference);
  await using root = await openFiles(context, record);
  const owner = options.copyUIDGID
    ? lookupUser(record.config.User ?? "", readUserDatabase(root.path), record.hostConfig.GroupAdd ?? [])
    : undefined;
  await putArchive(context.copy, subjectOf(context, root, reference), path, content, {
    noOverwriteDirNonDir: options.noOverwriteDirNonDir,
    ...(owner ? { owner: { uid: owner.uid, gid: owner.gid } } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  tell(context, record, "extract-to-dir");
};

/** The merged root of a container as a tar, without its volumes. **Source:** Engine API, ContainerExport. */
export const exportContainer = async (context: ContainerContext, reference: string): Promise<Readable> => {
  const record = context.containers.find(reference);
  const root = await openRoot(context, record);
  const tar = exportRoot(context.copy.workers, root.path, root.remap?.mapping);
  tar.once("close", () => void root[Symbol.asyncDispose]());
  tell(context, record, "export");
  return tar;
};

interface OpenRoot extends AsyncDisposable {
  path: string;
  /** Owners are seen through it. */
  remap: Remap | undefined;
  /** Image mounts by their layers' storage ids. */
  images: ReadonlyMap<string, string>;
  record: Readonly<ContainerRecord>;
}

/** As `openRoot`, with the container's volumes. */
const openFiles = async (context: ContainerContext, record: Readonly<ContainerRecord>): Promise<OpenRoot> => {
  using volumes = new DisposableStack();
  for (const { Type, Name } of record.mounts) if (Type === "volume") volumes.use(context.volumes.hold(Name ?? ""));
  const root = await openRoot(context, record);
  const held = volumes.move();
  return {
    ...root,
    async [Symbol.asyncDispose]() {
      held.dispose();
      await root[Symbol.asyncDispose]();
    },
  };
};

/** The merged root of a container: mounted for as long as it is used when the container does not run. */
const openRoot = async (context: ContainerContext, record: Readonly<ContainerRecord>): Promise<OpenRoot> => {
  const users = context.live.of(record.id);
  users.rootUsers += 1;
  // In the container's queue, as every unmount: the two must not meet.
  const mounted = await context.queue.run(record.id, () => {
    // It may have been started, or have ended, meanwhile.
    const remap = remapOf(context, context.containers.get(record.id) ?? record);
    const images = mountImages(context, record, remap);
    return { path: context.layers.writable.mount(record.id, remap), remap, images };
  });
  return {
    ...mounted,
    record,
    async [Symbol.asyncDispose]() {
      users.rootUsers -= 1;
      await context.queue.run(record.id, async () => {
        const now = context.containers.get(record.id);
        if (!now || isRunning(now.state) || users.rootUsers > 0) return;
        await context.layers.writable.unmount(record.id);
        await unmountImages(context, record);
      });
    },
  };
};

const subjectOf = (
  context: ContainerContext,
  { path, record, remap, images }: OpenRoot,
  name: string,
): CopySubject => ({
  name,
  rootPath: path,
  remap,
  readOnlyRoot: record.hostConfig.ReadonlyRootfs ?? false,
  mounts: [
    ...record.mounts
      .filter(({ Type }) => Type === "bind" || Type === "volume" || Type === "image")
      .map((mount) => ({
        source: images.get(mount.image?.layer ?? "") ?? mount.Source ?? "",
        own: mount.Type === "volume" && context.volumes.isOwn(mount.Name ?? ""),
        ...(mount.subpath === undefined ? {} : { subpath: mount.subpath }),
        destination: mount.Destination ?? "",
        readOnly: mount.RW === false,
      })),
    ...etcMounts(context, record),
  ],
});

/** The files that the engine itself mounts, where no mount of the container's own is. */
const etcMounts = (context: ContainerContext, record: Readonly<ContainerRecord>): FileMount[] => {
  if (!record.filesWritten) return [];
  const folder = etcFolder(context.settings, record);
  return ["hostname", "hosts", "resolv.conf"]
    .map((name) => ({ source: join(folder, name), destination: `/etc/${name}`, readOnly: false }))
    .filter(
      ({ source, destination }) =>
        existsSync(source) && !record.mounts.some((mount) => mount.Destination === destination),
    );
};

const tell = (
  context: ContainerContext,
  record: Readonly<ContainerRecord>,
  action: "archive-path" | "extract-to-dir" | "export",
): void =>
  context.database.emit({
    Type: "container",
    Action: action,
    Actor: { ID: record.id, Attributes: eventAttributes(record) },
  });
