import { logAttributes } from "../../log/attributes.ts";
import { logSettings } from "../../log/driver.ts";
import { keepCompressed } from "../../log/json-file/compress.ts";
import type { Task } from "../../runtime/task.ts";
import type { ShimLog } from "../../runtime/shim/arguments.ts";
import { EngineError, messageOf } from "../../../base/errors.ts";
import type { ContainerContext } from "../context.ts";
import { logFile } from "../folders.ts";
import type { ContainerRecord } from "../record.ts";

/** Compresses the files that rotation leaves behind while the container runs, when its log is to be so. */
export const compressLog = (
  context: ContainerContext,
  { id, hostConfig }: Readonly<ContainerRecord>,
  task: Task,
): void => {
  const { Type = "json-file", Config } = hostConfig.LogConfig ?? {};
  if (Type === "none" || !logSettings({ Type, Config: Config ?? {} }).compress) return;
  const ended = new AbortController();
  void task.exited.then(() => ended.abort());
  void keepCompressed(logFile(context.settings, id), ended.signal).catch((error: unknown) =>
    context.settings.log?.("warn", `container ${id}: compressing its log: ${messageOf(error)}`),
  );
};

/** The container's log, as its shim writes it; undefined for the driver `none`. @throws EngineError in Docker's words */
export const shimLog = (context: ContainerContext, record: Readonly<ContainerRecord>): ShimLog | undefined => {
  const { Type = "json-file", Config } = record.hostConfig.LogConfig ?? {};
  const options = Config ?? {};
  try {
    const { kept, maxSizeBytes, maxFiles } = logSettings({ Type, Config: options });
    if (!kept) return undefined;
    const attributes = logAttributes(options, {
      id: record.id,
      name: record.name,
      imageId: record.imageId,
      imageName: record.config.Image ?? "",
      labels: record.config.Labels ?? {},
      env: record.config.Env ?? [],
    });
    return {
      path: logFile(context.settings, record.id),
      ...(maxSizeBytes === null ? {} : { maxSizeBytes }),
      maxFiles,
      ...(Object.keys(attributes).length > 0 ? { attributes: JSON.stringify(attributes) } : {}),
    };
  } catch (error) {
    throw new EngineError(
      error instanceof EngineError ? error.kind : "system",
      `failed to create task for container: failed to initialize logging driver: ${messageOf(error)}`,
      { cause: error },
    );
  }
};
