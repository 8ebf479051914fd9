import { check, lastErrno, libc } from "../ffi.ts";

const ESRCH = 3;
const killCall = libc("kill", ["int", "int"]);

/**
 * Sends a signal by number; 0 only asks whether the process is there. A negative pid means its process group.
 * @returns false when there is no such process.
 * @throws SystemError for anything else (EPERM, EINVAL).
 */
export const kill = (pid: number, signal: number): boolean => {
  // 0 and -1 would reach this process's own group, or every process there is.
  if (!Number.isSafeInteger(pid) || pid === 0 || pid === -1) throw new RangeError(`invalid process id ${pid}`);
  const result = killCall(pid, signal);
  if (result < 0 && lastErrno() === ESRCH) return false;
  check(result, "kill");
  return true;
};
