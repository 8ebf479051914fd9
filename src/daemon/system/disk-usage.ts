import { Filters } from "../../base/filters.ts";
import type { SystemContext } from "./context.ts";

/** The document of `/system/df`: null for what was not asked for. **Source:** Engine API, SystemDataUsage. */
export const diskUsage = async (
  { containers, images, volumes }: SystemContext,
  types: readonly string[],
): Promise<object> => {
  const wanted = (type: string): boolean => types.length === 0 || types.includes(type);
  const [imageList, layersSize, containerList, volumeList] = await Promise.all([
    wanted("image") ? images.list({ all: true, sharedSize: true, manifests: false, filters: Filters.none }) : null,
    wanted("image") ? images.layersSize() : 0,
    wanted("container") ? containers.list({ all: true, limit: -1, size: true, filters: Filters.none }) : null,
    wanted("volume") ? volumes.usage() : null,
  ]);
  return {
    LayersSize: layersSize,
    // Here dockerd has null where its list has nothing in it.
    Images: imageList?.map((image) => (image.RepoDigests?.length ? image : { ...image, RepoDigests: null })) ?? null,
    Containers: containerList,
    Volumes: volumeList === null ? null : (volumeList.Volumes ?? []),
    BuildCache: wanted("build-cache") ? [] : null,
  };
};
