import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isCode } from "../../linux/error.ts";

/** What a later daemon has to know of a task besides what its shim says; kept in the task's folder. */
export interface TaskFile {
  version: 1;
  /** The container's id. */
  id: string;
  kind: "container" | "exec";
  /** Name of the OCI runtime. */
  runtime: string;
  /** Below every hierarchy's root. */
  cgroup: string;
  /** Its processes run under a seccomp filter. */
  seccomp: boolean;
}

const name = "task.json";

export const writeTaskFile = (dir: string, file: TaskFile): void =>
  writeFileSync(join(dir, name), JSON.stringify(file), { mode: 0o600 });

/** null when the folder holds no task. */
export const readTaskFile = async (dir: string): Promise<TaskFile | null> => {
  try {
    return JSON.parse(await readFile(join(dir, name), "utf8")) as TaskFile;
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR") || error instanceof SyntaxError) return null;
    throw error;
  }
};
