import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isCode } from "../../../linux/error.ts";
import { taskFiles } from "../../../wire/shim/protocol.ts";
import type { ExitFile, ShimFile } from "../../../wire/shim/protocol.ts";

const readJson = async <T>(dir: string, name: string): Promise<T | null> => {
  try {
    return JSON.parse(await readFile(join(dir, name), "utf8")) as T;
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
};

/** How the task of this folder ended; null while its shim has not said so. */
export const readExitFile = (dir: string): Promise<ExitFile | null> => readJson(dir, taskFiles.exit);

/** Who the shim of this folder is, or was; null when none was started. */
export const readShimFile = (dir: string): Promise<ShimFile | null> => readJson(dir, taskFiles.shim);
