import { closeSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { notImplemented } from "../../../base/errors.ts";
import { openDirectory } from "../../../linux/file/open.ts";
import { statat } from "../../../linux/file/stat.ts";
import { umount } from "../../../linux/mount/mount.ts";
import { mountsBelow } from "../../../linux/mount/table.ts";
import { isOverlayWhiteout } from "../../../oci/layer/extract/whiteout.ts";
import type { OverlayKind } from "./kind.ts";

/**
 * Merges two directories and removes a file through them, to see whether the filesystem of `directory` can hold layers:
 * another overlay, NFS and some more cannot. 2 ms.
 * @throws EngineError not-implemented in dockerd's words
 */
export const tryOverlay = (directory: string, mount: OverlayKind["mount"]): void => {
  removeEarlier(directory);
  const root = mkdtempSync(join(directory, prefix));
  const at = (name: string): string => join(root, name);
  try {
    for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(at(name), { recursive: true, mode: 0o700 });
    writeFileSync(at("lower/file"), "");
    mount({ root, lower: [at("lower")], upper: at("upper"), work: at("work"), target: at("merged") });
    try {
      rmSync(at("merged/file"));
    } finally {
      umount(at("merged"), { detach: true });
    }
    if (!isWhiteout(at("upper"), "file")) throw new Error("a removed name leaves no whiteout");
  } catch (error) {
    throw notImplemented("driver not supported", error);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
};

const prefix = ".try-overlay-";

/** What a daemon left that was killed while it tried. */
const removeEarlier = (directory: string): void => {
  for (const name of readdirSync(directory).filter((entry) => entry.startsWith(prefix))) {
    const path = join(directory, name);
    for (const { target } of mountsBelow(path)) umount(target, { detach: true });
    rmSync(path, { recursive: true, force: true });
  }
};

const isWhiteout = (path: string, name: string): boolean => {
  const directory = openDirectory(path);
  try {
    return isOverlayWhiteout(statat(directory, name));
  } finally {
    closeSync(directory);
  }
};
