import { chmodSync, closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { systemError } from "../base/errors.ts";
import { tryLock } from "../linux/file/data.ts";
import { makeDirectories } from "../linux/file/make-directories.ts";

/** A data root that this engine alone works in, until it is disposed of. */
export interface LockedRoot extends Disposable {
  readonly path: string;
}

/** The engine's group may pass through, nobody else: image content holds setuid files. */
const rootMode = 0o710;

/**
 * Makes a data root and takes its lock, which ends with the process whatever happens to it.
 * @throws system when another engine works in it.
 */
export const lockDataRoot = (path: string): LockedRoot => {
  makeDirectories(path);
  // Also one that was there: whoever made it did not know what comes into it.
  chmodSync(path, rootMode);
  const fd = openSync(join(path, "engine.lock"), constants.O_RDWR | constants.O_CREAT, 0o600);
  if (!tryLock(fd)) {
    closeSync(fd);
    throw systemError(`failed to start daemon: another daemon is using the data root ${path}`);
  }
  return { path, [Symbol.dispose]: () => closeSync(fd) };
};
