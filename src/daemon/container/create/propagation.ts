import { invalidParameter } from "../../../base/errors.ts";
import { isWithin } from "../../../base/paths.ts";
import type { MountRecord } from "../record.ts";

/** What a bind that sees the engine's own mounts may ask for: none of them is held when the engine lets go of it. */
const followsTheHost = ["rslave", "rshared"];

/**
 * A mount with the propagation that it will have. A bind at, above or below the data root must see the engine's mounts
 * come and go: it becomes `rslave` when nothing was asked for.
 *
 * @throws EngineError invalid-parameter in Docker's words, when something else was
 */
export const withPropagation = (dataRoot: string, mount: MountRecord): MountRecord => {
  if (mount.Type !== "bind") return mount;
  const source = mount.Source ?? "";
  const seesDataRoot = isWithin(source, dataRoot) || isWithin(dataRoot, source);
  if (!mount.Propagation) {
    return seesDataRoot
      ? { ...mount, Propagation: "rslave", impliedPropagation: true }
      : { ...mount, Propagation: "rprivate" };
  }
  if (!seesDataRoot || followsTheHost.includes(mount.Propagation)) return mount;
  throw invalidParameter(
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the ` +
      `daemon root, daemon root: ${JSON.stringify(dataRoot)}, bind mount source: ${JSON.stringify(source)}, ` +
      `propagation: ${JSON.stringify(mount.Propagation)}`,
  );
};
