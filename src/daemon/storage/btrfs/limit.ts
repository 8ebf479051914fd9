import { closeSync, constants, openSync } from "node:fs";
import { invalidParameter, systemError } from "../../../base/errors.ts";
import { humanSize } from "../../../base/human.ts";
import { SystemError } from "../../../linux/error.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { enableQuota, limitReferenced, quotaCounted, subvolumeId } from "../../../linux/filesystem/btrfs.ts";
import { sizeOption } from "../options.ts";
import type { DriverOptions } from "../options.ts";

/** `btrfs.min_space`, bytes; 0 without it. @throws EngineError invalid-parameter in dockerd's words */
export const minimumSpace = (options: DriverOptions): number => {
  let bytes = 0;
  for (const [name, value] of options) {
    if (name !== "btrfs.min_space") throw invalidParameter(`Unknown option ${name}`);
    bytes = sizeOption(value);
  }
  return bytes;
};

/**
 * The size that a container asks for, null for none. @throws EngineError invalid-parameter in dockerd's words; for an
 * unknown option too, which dockerd passes over
 */
export const sizeWanted = (options: Record<string, string>, minSpaceBytes: number): number | null => {
  let bytes: number | null = null;
  for (const [name, value] of Object.entries(options)) {
    if (name.toLowerCase() !== "size") throw invalidParameter(`Unknown option ${name}`);
    bytes = sizeOption(value);
    if (bytes === 0) throw invalidParameter("btrfs: invalid storage size: 0B");
    if (bytes < minSpaceBytes) {
      throw invalidParameter(`btrfs: storage size cannot be less than ${humanSize(minSpaceBytes)}`);
    }
  }
  return bytes;
};

/** Limits a subvolume, with all that it shares with others: the whole root filesystem of its container, as Docker does. */
export const limitSubvolume = async (path: string, bytes: number): Promise<void> => {
  const fd = openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await enableQuota(fd);
    await quotaCounted(fd);
    limitReferenced(fd, subvolumeId(fd), bytes);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const reason = error.code === "EDQUOT" ? "disk quota exceeded" : error.message;
    throw systemError(`Failed to limit qgroup for ${path}: ${reason}`, error);
  } finally {
    closeSync(fd);
  }
};
