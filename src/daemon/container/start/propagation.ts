import { realpathSync } from "node:fs";
import { systemError } from "../../../base/errors.ts";
import { type MountInfo, mountOf, mountTable } from "../../../linux/mount/table.ts";
import type { MountRecord } from "../record.ts";

/** What the host's mount must be, one of these, for a bind of it to be shared or a slave. */
const needs: Record<string, { tags: readonly string[]; words: string }> = {
  shared: { tags: ["shared:"], words: "shared mount" },
  slave: { tags: ["shared:", "master:"], words: "shared or slave mount" },
};

/**
 * The propagation of a bind for the runtime: nothing for a private one. The kernel would take every other one too, and
 * then propagate nothing; so it is refused where the host's mount does not take part, unless the engine chose it itself.
 *
 * @param source on the host; symlinks are followed
 * @param table asked for when the propagation depends on it
 * @throws EngineError system in Docker's words
 */
export const propagationOf = (
  source: string,
  { Propagation, impliedPropagation }: MountRecord,
  table: () => readonly MountInfo[] = mountTable,
): string | undefined => {
  const need = needs[Propagation?.replace(/^r/, "") ?? ""];
  if (need === undefined) return Propagation || undefined;
  const mount = mountOf(realpathSync(source), table());
  if (mount === undefined) throw systemError(`Can't find mount point of ${source}`);
  if (mount.propagation.some((tag) => need.tags.some((start) => tag.startsWith(start)))) return Propagation;
  if (impliedPropagation === true) return undefined;
  throw systemError(`path ${source} is mounted on ${mount.target} but it is not a ${need.words}`);
};
