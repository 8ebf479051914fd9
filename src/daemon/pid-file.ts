import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { systemError } from "../base/errors.ts";

/** Says which process the daemon is, until it is disposed of. */
export interface PidFile extends Disposable {
  readonly path: string;
}

/**
 * Writes the daemon's process id.
 * @throws system, in dockerd's words, when the file names another daemon that runs.
 */
export const writePidFile = (path: string): PidFile => {
  const other = readPid(path);
  if (other !== undefined && other !== process.pid && isDaemon(other)) {
    throw systemError(
      `failed to start daemon, ensure berthd is not running or delete ${path}: process with PID ${other} is still running`,
    );
  }
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, String(process.pid), { mode: 0o644 });
  renameSync(temporary, path);
  return {
    path,
    [Symbol.dispose]: () => {
      if (readPid(path) === process.pid) rmSync(path, { force: true });
    },
  };
};

const readPid = (path: string): number | undefined => {
  try {
    const pid = Number(readFileSync(path, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
};

/** After a crash the number may have become another program's: only a daemon keeps us from starting. */
const isDaemon = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("berthd");
  } catch {
    return false;
  }
};
