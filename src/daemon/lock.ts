import { chmodSync, closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { systemError } from "../base/errors.ts";
import { tryLock } from "../linux/file/data.ts";
import { makeDirectories } from "../linux/file/make-directories.ts";

/** A folder that this engine alone works in, until it is disposed of. */
export interface LockedRoot extends Disposable {
  readonly path: string;
}

/** The engine's group may pass through a data root, nobody else: image content holds setuid files. */
const dataRootMode = 0o710;
/** Sockets below have modes of their own. */
const execRootMode = 0o711;

/**
 * Makes the folder that holds everything that outlives a reboot, and takes its lock.
 * @throws system when another engine works in it.
 */
export const lockDataRoot = (path: string): LockedRoot => lock(path, dataRootMode, "data root");

/** The same for the running containers' sockets and status files: another engine would take them for orphans. */
export const lockExecRoot = (path: string): LockedRoot => lock(path, execRootMode, "exec root");

/** The lock ends with the process, whatever happens to it. */
const lock = (path: string, mode: number, what: string): LockedRoot => {
  makeDirectories(path);
  // Also one that was there: whoever made it did not know what comes into it.
  chmodSync(path, mode);
  const fd = openSync(join(path, "engine.lock"), constants.O_RDWR | constants.O_CREAT, 0o600);
  if (!tryLock(fd)) {
    closeSync(fd);
    throw systemError(`failed to start daemon: another daemon is using the ${what} ${path}`);
  }
  return { path, [Symbol.dispose]: () => closeSync(fd) };
};
