import { EngineError, invalidParameter } from "../../../base/errors.ts";
import type { HostConfig } from "../../../wire/engine/container.ts";
import { validateLogConfig } from "../../log/driver.ts";
import type { ContainerSettings } from "../settings.ts";

type LogConfig = NonNullable<HostConfig["LogConfig"]>;

/**
 * The log driver and options of a container: its own, else the daemon's, whose options count only for its own driver.
 * @throws EngineError invalid-parameter in Docker's words
 */
export const logConfig = (own: HostConfig["LogConfig"], settings: ContainerSettings): LogConfig => {
  const driver = own?.Type || settings.logDriver;
  const inherited = driver === settings.logDriver ? settings.logOptions : {};
  const options = { ...inherited, ...own?.Config };
  try {
    validateLogConfig({ Type: driver, Config: options });
  } catch (error) {
    if (error instanceof EngineError) throw invalidParameter(error.message, error);
    throw error;
  }
  return { Type: driver as NonNullable<LogConfig["Type"]>, Config: options };
};
