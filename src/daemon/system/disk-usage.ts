import { Filters } from "../../base/filters.ts";
import type { DiskReport } from "../../wire/engine/disk.ts";
import type { SystemContext } from "./context.ts";
import { diskReport } from "./disk/report.ts";

/**
 * The document of `/system/df`: null for what was not asked for. Its sizes are what is on the disk, so that they add up to
 * what `du --apparent-size` says: images with their journals and documents, containers with their logs.
 *
 * **Source:** Engine API, SystemDataUsage.
 */
export const diskUsage = async (
  { containers, images, volumes, disk }: SystemContext,
  types: readonly string[],
): Promise<object> => {
  const wanted = (type: string): boolean => types.length === 0 || types.includes(type);
  const [survey, imageList, containerList, volumeList] = await Promise.all([
    wanted("image") || wanted("container") || wanted("volume") ? disk.take() : null,
    wanted("image") ? images.list({ all: true, sharedSize: true, manifests: false, filters: Filters.none }) : null,
    wanted("container") ? containers.list({ all: true, limit: -1, size: true, filters: Filters.none }) : null,
    wanted("volume") ? volumes.usage() : null,
  ]);
  const bytesOf = (id: string | undefined): number => {
    const found = survey?.containers.get(id ?? "");
    return found === undefined ? 0 : found.layers.apparentBytes + found.files.apparentBytes;
  };
  const volumeBytes = (name: string): number => survey?.volumes.get(name)?.apparentBytes ?? 0;
  const rooms = survey?.rooms;
  return {
    LayersSize:
      rooms === undefined || !wanted("image")
        ? 0
        : rooms.layers.apparentBytes + rooms.journals.apparentBytes + rooms.documents.apparentBytes,
    // Here dockerd has null where its list has nothing in it.
    Images: imageList?.map((image) => (image.RepoDigests?.length ? image : { ...image, RepoDigests: null })) ?? null,
    Containers: containerList?.map((container) => ({ ...container, SizeRw: bytesOf(container.Id) })) ?? null,
    Volumes:
      volumeList === null
        ? null
        : (volumeList.Volumes ?? []).map((volume) => ({
            ...volume,
            UsageData: { RefCount: volume.UsageData?.RefCount ?? -1, Size: volumeBytes(volume.Name ?? "") },
          })),
    BuildCache: wanted("build-cache") ? [] : null,
  };
};

/** The document of `/system/disk`: all that is below the data root, measured now. */
export const diskDetails = async ({ config, containers, images, disk }: SystemContext): Promise<DiskReport> => {
  const survey = await disk.take({ fresh: true });
  const list = await containers.list({ all: true, limit: -1, size: false, filters: Filters.none });
  return diskReport(survey, {
    dataRoot: config.dataRoot,
    images: images.layers(),
    containers: list.map(({ Id, Names }) => ({ id: Id ?? "", name: (Names?.[0] ?? "").replace(/^\//, "") })),
  });
};
