import { statfsSync } from "node:fs";
import { SystemError } from "../../../linux/error.ts";
import { TarError } from "../tar/error.ts";
import type { Fill } from "../tar/source.ts";

/** How many bytes of an archive are taken between two looks at what is free. */
export const lookEveryBytes = 2 ** 18;
/** What stays free of a filesystem, whatever an archive holds: a part of it, and no more than so much. */
const keptPart = 0.02;
const keptBytesMax = 512 * 2 ** 20;
const keptFilesMax = 65_536;
/** More than the 2,048 files that a buffer of archive can hold, which are made between two looks. */
const keptFilesMin = 4096;

/**
 * Bytes of an archive that is written to the filesystem of `path`, up to where it would be full: a few mebibytes can hold
 * a bomb of any size, and the rest of the machine needs the disk too.
 *
 * @throws TarError instead of handing out more.
 */
export const withinSpace = (fill: Fill, path: string): Fill => {
  let untilLook = 0;
  return (target) => {
    if (untilLook <= 0) {
      checkSpace(path);
      untilLook = lookEveryBytes;
    }
    const count = fill(target);
    untilLook -= count;
    return count;
  };
};

/** @throws TarError when too little is free on the filesystem of `path` to write more. */
export const checkSpace = (path: string): void => {
  const { bsize, blocks, bavail, files, ffree } = statfsSync(path);
  const kept = Math.min(blocks * bsize * keptPart, keptBytesMax);
  if (bavail * bsize < kept) throw full(path, `the last ${Math.ceil(kept / 2 ** 10)} KiB are kept free`);
  // Filesystems that make files as they need them tell none.
  const keptFiles = Math.min(Math.max(files * keptPart, keptFilesMin), keptFilesMax);
  if (files > 0 && ffree < keptFiles) throw full(path, `the last ${Math.round(keptFiles)} inodes are kept free`);
};

const ENOSPC = 28;
const full = (path: string, why: string): TarError =>
  new TarError(`no space left on device: ${why}`, { cause: new SystemError(ENOSPC, "write", path) });
