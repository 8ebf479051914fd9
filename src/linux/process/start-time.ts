import { readFileSync } from "node:fs";
import { isCode } from "../error.ts";

/**
 * When a process started, in clock ticks since boot: a pid that was reused has another. Null when it is gone.
 * **Source:** proc_pid_stat(5), field 22.
 */
export const startTime = (pid: number): number | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command name in field 2 may hold spaces and parentheses: fields are counted from its last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[19]);
  } catch (error) {
    if (isCode(error, "ENOENT", "ESRCH")) return null;
    throw error;
  }
};
