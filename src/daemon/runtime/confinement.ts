import { readFileSync } from "node:fs";
import { systemError } from "../../base/errors.ts";
import { isCode } from "../../linux/error.ts";

/** How long a runtime may take between reporting the process and having applied its filter; none measured takes any. */
const graceMs = 100;
const pollMs = 1;

/**
 * Makes sure that a process runs under a seccomp filter (a runtime that ignores what it is told must not go unnoticed).
 * A process that has ended by now is nobody's danger.
 *
 * @throws EngineError system when it runs without one.
 *
 * **Source:** proc_pid_status(5), Seccomp.
 */
export const requireSeccomp = async (pid: number, runtime: string): Promise<void> => {
  for (const end = Date.now() + graceMs; ;) {
    const mode = seccompMode(pid);
    if (mode === null || mode === "2") return;
    if (Date.now() > end) throw systemError(`runtime ${runtime} started a process without its seccomp filter`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
};

const seccompMode = (pid: number): string | null => {
  try {
    return /^Seccomp:\s*(\d)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? null;
  } catch (error) {
    if (isCode(error, "ENOENT", "ESRCH")) return null;
    throw error;
  }
};
