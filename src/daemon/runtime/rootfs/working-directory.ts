import { closeSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { EngineError, systemError } from "../../../base/errors.ts";
import { isCode, SystemError } from "../../../linux/error.ts";
import { O_DIRECTORY, O_PATH } from "../../../linux/file/flags.ts";
import { mkdirat } from "../../../linux/file/make.ts";
import { openDirectory, openInRoot, pathOf } from "../../../linux/file/open.ts";
import { withFileOwner } from "../../../linux/process/file-owner.ts";
import type { OciSpec } from "../../../wire/oci/runtime.ts";
import { rootOutside } from "../spec/root-outside.ts";

const directoryMode = 0o755;

/**
 * Makes the working directory of a container that lacks it, as Docker does, inside the root and whatever symlinks lead
 * there. One below /proc is refused: a runtime enters it while it still holds descriptors of the host
 * (CVE-2024-21626, WORKDIR /proc/self/fd/N).
 *
 * @throws EngineError system when it cannot be made, or may not be entered.
 */
export const prepareWorkingDirectory = (spec: OciSpec): void => {
  const {
    root: { path, readonly },
    process: { cwd },
    mounts,
  } = spec;
  const wanted = posix.normalize(cwd);
  if (isForbidden(wanted)) throw forbidden(cwd);
  // What a mount covers is the mount's: the runtime makes it, or it is there.
  if (wanted === "/" || mounts.some(({ destination }) => isBelow(wanted, destination))) return;
  const root = openDirectory(path);
  try {
    const fd = readonly ? openIfThere(root, wanted) : withFileOwner(rootOutside(spec), () => openOrMake(root, wanted));
    if (fd === null) return;
    const inside = readlinkSync(pathOf(fd)).slice(readlinkSync(pathOf(root)).length);
    closeSync(fd);
    if (isForbidden(inside)) throw forbidden(cwd);
  } finally {
    closeSync(root);
  }
};

/**
 * Makes a container's working directory in its root, where it is missing.
 *
 * @throws EngineError system "Cannot mkdir: /x is not a directory"
 */
export const createDirectory = (rootfs: string, path: string): void => {
  const wanted = posix.normalize(path);
  if (wanted === "/" || isForbidden(wanted)) return;
  const root = openDirectory(rootfs);
  try {
    closeSync(openOrMake(root, wanted));
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const isFile = error.cause instanceof SystemError && isCode(error.cause, "ENOTDIR", "EEXIST");
    throw isFile ? systemError(`Cannot mkdir: ${path} is not a directory`, error) : error;
  } finally {
    closeSync(root);
  }
};

const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${posix.join(folder, "/")}`);

const isForbidden = (path: string): boolean => /^\/(?:proc|dev\/fd)(?:\/|$)/.test(path) && path !== "/proc";

const forbidden = (cwd: string): Error =>
  systemError(`failed to create task for container: working directory ${JSON.stringify(cwd)} is not allowed`);

const openIfThere = (root: number, path: string): number | null => {
  try {
    return openInRoot(root, path, O_PATH | O_DIRECTORY);
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw cannot(path, error);
  }
};

const openOrMake = (root: number, path: string): number => {
  const there = openIfThere(root, path);
  if (there !== null) return there;
  const parent = openOrMake(root, posix.dirname(path));
  try {
    mkdirat(parent, posix.basename(path), directoryMode);
    return openInRoot(root, path, O_PATH | O_DIRECTORY);
  } catch (error) {
    throw cannot(path, error);
  } finally {
    closeSync(parent);
  }
};

const cannot = (path: string, error: unknown): Error =>
  systemError(
    `failed to create task for container: cannot make working directory ${JSON.stringify(path)}: ` +
      (isCode(error, "ENOTDIR", "EEXIST") ? "not a directory" : String(error)),
    error,
  );
