import type { Filters } from "../../base/filters.ts";
import type { VolumeListResponse } from "../../wire/engine/volume.ts";
import type { VolumeContext } from "./context.ts";
import { describe } from "./document.ts";
import type { VolumeRecord } from "./record.ts";

/** @throws EngineError invalid-parameter for a filter */
export const list = (context: VolumeContext, filters: Filters): VolumeListResponse => {
  filters.requireKeys(["dangling", "driver", "label", "name"]);
  const dangling = filters.has("dangling") ? filters.flag("dangling", true) : undefined;
  const accepts = (record: Readonly<VolumeRecord>): boolean =>
    (dangling === undefined || dangling === (record.users.length === 0)) &&
    filters.any("driver", (value) => value === record.driver) &&
    filters.any("name", (value) => record.name.includes(value)) &&
    filters.matchLabels(record.labels);
  return {
    Volumes: [...context.volumes.values()].filter(accepts).map((record) => describe(context, record)),
    Warnings: null,
  };
};
