import { join } from "node:path";
import type { ShimLog } from "../../runtime/shim/arguments.ts";
import type { ContainerContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { logAttributes } from "../../log/attributes.ts";
import { logLimits } from "../../log/options.ts";

/** The container's log, as its shim writes it; undefined for the driver `none`. */
export const shimLog = (context: ContainerContext, record: Readonly<ContainerRecord>): ShimLog | undefined => {
  const { Type = "json-file", Config } = record.hostConfig.LogConfig ?? {};
  if (Type === "none") return undefined;
  const options = Config ?? {};
  const { maxSizeBytes, maxFiles } = logLimits(options);
  const attributes = logAttributes(options, record);
  return {
    path: logFileOf(context, record.id),
    ...(maxSizeBytes === undefined ? {} : { maxSizeBytes }),
    ...(maxFiles === undefined ? {} : { maxFiles }),
    ...(attributes === undefined ? {} : { attributes: JSON.stringify(attributes) }),
  };
};

/** The file a container's log is in, whether it exists or not. */
export const logFileOf = (context: ContainerContext, id: string): string =>
  join(context.settings.dataRoot, "containers", id, `${id}-json.log`);
