import type { Readable } from "node:stream";
import { invalidParameter, messageOf, notFound, systemError } from "../../../base/errors.ts";
import type { EngineError } from "../../../base/errors.ts";
import { isCode, SystemError } from "../../../linux/error.ts";
import { duplicate } from "../../../linux/file/pipe.ts";
import type { IdMapping } from "../../../linux/namespace/id-mapping.ts";
import { isDirectory } from "../../../linux/file/stat.ts";
import { extractFrom, pack } from "../../../oci/layer/transfer.ts";
import type { LayerWorkers } from "../../../oci/layer/worker/pool.ts";
import { baseOf, pathStat } from "./path-stat.ts";
import type { PathStat } from "./path-stat.ts";
import type { Purpose } from "./view.ts";
import type { ContainerFiles, ContainerViews, View } from "./views.ts";

/** What copying works with; made once by the composition root. */
export interface CopyTools {
  views: ContainerViews;
  workers: LayerWorkers;
}

/** A container whose files are copied, under the name it was asked for. */
export interface CopySubject extends ContainerFiles {
  name: string;
}

export interface PutOptions {
  /** Refuse to replace a directory by something else, and the other way round. */
  noOverwriteDirNonDir?: boolean;
  /** `copyUIDGID`: everything belongs to the container's user instead of the owners in the archive. */
  owner?: { uid: number; gid: number };
  signal?: AbortSignal;
}

/** `HEAD /containers/{id}/archive`. @throws EngineError */
export const statPath = async (tools: CopyTools, subject: CopySubject, path: string): Promise<PathStat> => {
  using view = await open(tools, subject, path, "stat");
  return pathStat(path, view.stat, view.linkTarget);
};

/**
 * `GET /containers/{id}/archive`: a tar of a file, or of a directory with all in it, its first member named after the
 * last component of the path. A symlink at the end is archived as such; with a slash behind it, what it leads to.
 *
 * @returns the archive once everything that HTTP can still say is checked; destroy it to end early.
 * @throws EngineError
 */
export const getArchive = async (
  tools: CopyTools,
  subject: CopySubject,
  path: string,
): Promise<{ stat: PathStat; tar: Readable }> => {
  const view = await open(tools, subject, path, "read");
  try {
    const base = baseOf(path);
    const only = isDirectory(view.stat) ? { name: ".", as: base } : { name: base, as: base };
    const tar = pack(tools.workers, directoryOf(view), { only, ...mappingOf(subject) });
    tar.once("close", () => view[Symbol.dispose]());
    return { stat: pathStat(path, view.stat, view.linkTarget), tar };
  } catch (error) {
    view[Symbol.dispose]();
    throw error;
  }
};

/**
 * `PUT /containers/{id}/archive`: extracts an archive, compressed or not, into a directory that is there. The directory
 * stands for "/" while it is: nothing in the archive reaches beyond it, in whatever way it is named or linked.
 *
 * @throws EngineError
 */
export const putArchive = async (
  tools: CopyTools,
  subject: CopySubject,
  path: string,
  content: Readable,
  { noOverwriteDirNonDir, owner, signal }: PutOptions = {},
): Promise<void> => {
  using view = await open(tools, subject, path, "write");
  if (view.directory === null) throw invalidParameter("extraction point is not a directory");
  if (view.place === "read-only volume") throw invalidParameter("mounted volume is marked read-only");
  if (view.place === "root" && subject.readOnlyRoot) throw invalidParameter("container rootfs is marked read-only");
  try {
    await extractFrom(tools.workers, content, directoryOf(view), {
      whiteouts: "none",
      ...(noOverwriteDirNonDir === true ? { keepKind: path } : {}),
      ...(owner === undefined ? {} : { owner }),
      ...mappingOf(subject),
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw systemError(messageOf(error), error);
  }
};

const mappingOf = ({ remap }: CopySubject): { mapping?: IdMapping } =>
  remap === undefined ? {} : { mapping: remap.mapping };

/** The worker that gets a descriptor closes it; the view has its own. */
const directoryOf = (view: View): number => {
  if (view.directory === null) throw new Error("a view without a directory");
  return duplicate(view.directory);
};

const open = async (tools: CopyTools, subject: CopySubject, path: string, purpose: Purpose): Promise<View> => {
  if (path === "") throw invalidParameter("bad parameter: pathcannot be empty");
  try {
    return await tools.views.open(subject, path, purpose);
  } catch (error) {
    throw translate(error, subject, path);
  }
};

const translate = (error: unknown, { name }: CopySubject, path: string): EngineError => {
  if (isCode(error, "ENOENT") && error instanceof SystemError && error.syscall === "openat2")
    return notFound(`Could not find the file ${path} in container ${name}`, error);
  if (isCode(error, "ENOTDIR")) return systemError(`lstat ${path}: not a directory`, error);
  return systemError(messageOf(error), error);
};
