import { closeSync, fstatSync, readSync } from "node:fs";
import { SystemError } from "../error.ts";
import { check, libc } from "../ffi.ts";
import { kill } from "./kill.ts";
import { launch } from "./spawn.ts";

const waitpid = libc("waitpid", ["int", "void *", "int"]);
const memfdCreate = libc("memfd_create", ["str", "uint"]);
const WNOHANG = 1;
const SIGKILL = 9;
const ETIMEDOUT = 110;
const maxMessageBytes = 4096;
const pollMs = 0.5;

/**
 * Runs a program that ends within milliseconds, holding this thread up meanwhile: one that goes on in the background by
 * itself. Its output is nowhere but for the first bytes of stderr.
 *
 * @param argv the program by its absolute path, and its arguments
 * @throws SystemError when it cannot be executed; ETIMEDOUT when it had to be killed
 */
export const runSync = (
  argv: readonly string[],
  options: { cwd?: string; timeoutMs: number },
): { code: number; stderr: string } => {
  const stderr = check(memfdCreate("stderr", 1), "memfd_create");
  try {
    const pid = launch(argv, { cwd: options.cwd, env: {}, stderr });
    const code = waitFor(pid, argv[0], options.timeoutMs);
    return { code, stderr: firstBytes(stderr) };
  } finally {
    closeSync(stderr);
  }
};

/** @returns the exit code, or 128 and the signal */
const waitFor = (pid: number, program: string | undefined, timeoutMs: number): number => {
  const status = Buffer.alloc(4);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + timeoutMs;
  while (check(waitpid(pid, status, WNOHANG), "waitpid") === 0) {
    if (performance.now() > end) {
      kill(-pid, SIGKILL);
      check(waitpid(pid, status, 0), "waitpid");
      throw new SystemError(ETIMEDOUT, "run", program);
    }
    Atomics.wait(sleeper, 0, 0, pollMs);
  }
  const word = status.readInt32LE();
  const signal = word & 0x7f;
  return signal === 0 ? (word >> 8) & 0xff : 128 + signal;
};

const firstBytes = (fd: number): string => {
  const buffer = Buffer.alloc(Math.min(fstatSync(fd).size, maxMessageBytes));
  return buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, 0));
};
