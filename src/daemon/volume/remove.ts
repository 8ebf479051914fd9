import { mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { conflict, invalidParameter } from "../../base/errors.ts";
import type { Filters } from "../../base/filters.ts";
import { newId } from "../../base/ids.ts";
import type { VolumeContext } from "./context.ts";
import { dataPath, find } from "./document.ts";
import { forgetMounts } from "./mount.ts";
import { sizeOf } from "./size.ts";

const anonymousLabel = "com.docker.volume.anonymous";

/**
 * Removes a volume and its files.
 * @throws EngineError not-found (not with `force`), conflict while a container has it
 */
export const remove = (context: VolumeContext, name: string, force: boolean): void => {
  if (force && !context.volumes.has(name)) return;
  const record = find(context, name);
  if (record.users.length > 0) {
    throw conflict(`remove ${name}: volume is in use - [${record.users.join(", ")}]`);
  }
  // A copy that outlives its container may have it still; it keeps what it has open.
  forgetMounts(context, record);
  context.database.transaction((transaction) => {
    transaction.delete(context.volumes, name);
    transaction.emit({
      Type: "volume",
      Action: "destroy",
      Actor: { ID: name, Attributes: { driver: record.driver } },
    });
  });
  discard(context, name);
};

/** The name is free at once; the files go in their own time, and at the next start after a crash. */
const discard = (context: VolumeContext, name: string): void => {
  const trash = join(context.root, ".trash");
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  const doomed = join(trash, newId());
  try {
    renameSync(join(context.root, name), doomed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  void rm(doomed, { recursive: true, force: true }).catch(() => undefined);
};

/**
 * Removes the volumes that no container has: the anonymous ones, with the filter `all` the named ones too. Volumes with
 * options of their own stay.
 * @throws EngineError invalid-parameter for a filter
 */
export const prune = async (
  context: VolumeContext,
  filters: Filters,
): Promise<{ VolumesDeleted: string[]; SpaceReclaimed: number }> => {
  filters.requireKeys(["all", "label", "label!"]);
  for (const value of filters.get("all")) {
    if (!/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) {
      throw invalidParameter(
        `invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
      );
    }
  }
  const all = filters.flag("all", false);
  const deleted: string[] = [];
  let bytes = 0;
  for (const { name, labels, users, options } of Array.from(context.volumes.values())) {
    if (users.length > 0 || !filters.matchLabels(labels)) continue;
    if (!all && labels?.[anonymousLabel] === undefined) continue;
    // What such a volume holds may lie elsewhere: on a server, on a device.
    if (Object.keys(options ?? {}).length > 0) continue;
    bytes += await sizeOf(context, dataPath(context, name));
    // Somebody may have taken it into use meanwhile.
    if ((context.volumes.get(name)?.users.length ?? 1) > 0) continue;
    remove(context, name, false);
    deleted.push(name);
  }
  context.database.emit({
    Type: "volume",
    Action: "prune",
    Actor: { ID: "", Attributes: { reclaimed: String(bytes) } },
  });
  return { VolumesDeleted: deleted, SpaceReclaimed: bytes };
};
