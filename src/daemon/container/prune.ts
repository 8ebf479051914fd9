import { conflict, invalidParameter, isKind } from "../../base/errors.ts";
import type { Filters } from "../../base/filters.ts";
import { parseTimestampMs } from "../../base/timestamp.ts";
import type { ContainerContext } from "./context.ts";
import { remove } from "./remove.ts";
import { isActive } from "./state.ts";

/**
 * Removes every stopped container that the filters allow.
 * @throws EngineError conflict while another prune runs, invalid-parameter for a filter
 */
export const prune = async (
  context: ContainerContext,
  filters: Filters,
): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }> => {
  filters.requireKeys(["label", "label!", "until"]);
  if (context.live.pruning) throw conflict("a prune operation is already running");
  context.live.pruning = true;
  try {
    const until = filters.get("until").map((value) => parseTimestampMs(value, context.clock.now(), invalidParameter));
    const deleted: string[] = [];
    let bytes = 0;
    for (const record of Array.from(context.containers.values())) {
      if (isActive(record.state) || !filters.matchLabels(record.config.Labels)) continue;
      if (until.some((limit) => Number(BigInt(record.createdNs) / 1_000_000n) >= limit)) continue;
      const size = await context.layers.writable.size(record.id).catch(() => 0);
      try {
        await remove(context, record.id, {});
      } catch (error) {
        // Started or removed by somebody else meanwhile: not ours to prune.
        if (isKind(error, "conflict") || isKind(error, "not-found")) continue;
        throw error;
      }
      deleted.push(record.id);
      bytes += size;
    }
    context.database.emit({
      Type: "container",
      Action: "prune",
      Actor: { ID: "", Attributes: { reclaimed: String(bytes) } },
    });
    return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: bytes };
  } finally {
    context.live.pruning = false;
  }
};
