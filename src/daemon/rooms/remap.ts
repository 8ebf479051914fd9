import type { Log } from "../../base/logger.ts";
import type { EngineConfig } from "../config/config.ts";
import { resolveRemap } from "../config/remap/resolve.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { Remaps } from "../storage/remap/remaps.ts";
import { remapFolder } from "./content.ts";

/**
 * What `--userns-remap` asks for, ready to be used.
 * @throws EngineError system in Docker's words
 */
export const openRemaps = async (
  config: EngineConfig,
  driver: StorageDriver,
  helper: string,
  log: Log,
): Promise<Remaps> => {
  const option = config.containers.usernsRemap;
  const found = await resolveRemap(option);
  if (option !== "" && found === null) {
    log("warn", "User namespaces: root cannot be remapped with itself; user namespaces are OFF");
  }
  const remaps = new Remaps({ folder: remapFolder(config), helper, layersRoot: driver.layersRoot });
  try {
    if (found !== null) {
      log("info", `User namespaces: ID ranges will be mapped to subuid/subgid ranges of: ${found.user}`);
      remaps.current = await remaps.open(found.mapping);
    }
    return remaps;
  } catch (error) {
    remaps[Symbol.dispose]();
    throw error;
  }
};
