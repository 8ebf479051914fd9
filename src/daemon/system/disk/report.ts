import type { DiskReport, DiskReportUse } from "../../../wire/engine/disk.ts";
import type { DiskUse } from "../../../oci/layer/worker/disk.ts";
import { diskRooms } from "./survey.ts";
import type { Survey } from "./survey.ts";

/** What the report says of images, containers and volumes besides what they take. */
export interface DiskNames {
  dataRoot: string;
  /** The chain ids of each image's layers, bottom first. */
  images: { id: string; names: string[]; layers: string[] }[];
  containers: { id: string; name: string }[];
}

/** A survey as the API tells it: what each image, container and volume takes, and that it all adds up to the total. */
export const diskReport = (survey: Survey, names: DiskNames): DiskReport => {
  const users = new Map<string, number>();
  for (const { layers } of names.images)
    for (const chainId of new Set(layers)) users.set(chainId, (users.get(chainId) ?? 0) + 1);
  const sumOf = (chainIds: Iterable<string>): DiskReportUse => {
    const sum = { ApparentBytes: 0, AllocatedBytes: 0 };
    for (const chainId of chainIds) {
      const use = survey.layers.get(chainId);
      sum.ApparentBytes += use?.apparentBytes ?? 0;
      sum.AllocatedBytes += use?.allocatedBytes ?? 0;
    }
    return sum;
  };
  return {
    DataRoot: names.dataRoot,
    Total: useOf(survey.total),
    Rooms: diskRooms.map((room) => ({ Name: room, ...useOf(survey.rooms[room]) })),
    Images: names.images.map(({ id, names: own, layers }) => ({
      Id: id,
      Names: own,
      ...sumOf(new Set(layers)),
      Unique: sumOf([...new Set(layers)].filter((chainId) => users.get(chainId) === 1)),
    })),
    Containers: names.containers.map(({ id, name }) => {
      const found = survey.containers.get(id);
      return { Id: id, Name: name, Layers: useOf(found?.layers), Files: useOf(found?.files) };
    }),
    Volumes: [...survey.volumes].map(([name, use]) => ({ Name: name, ...useOf(use) })),
  };
};

const useOf = (use: DiskUse | undefined): DiskReportUse => ({
  ApparentBytes: use?.apparentBytes ?? 0,
  AllocatedBytes: use?.allocatedBytes ?? 0,
});
