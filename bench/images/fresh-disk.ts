import { mkdirSync } from "node:fs";
import { must } from "../process.ts";

const fileSystem = "ext4";
const sizeGigabytes = 8;

/**
 * Mounts a new filesystem at a folder. Where files were removed in the last minutes, ext4 looks for a free inode among
 * those for so long that extracting takes two to ten times as long: a number from such a disk says nothing.
 */
export const mountFreshDisk = async (folder: string): Promise<void> => {
  const image = `${folder}.${fileSystem}`;
  mkdirSync(folder, { recursive: true });
  await must(["/usr/bin/truncate", "-s", `${sizeGigabytes}G`, image]);
  const options = ["-q", "-N", "400000", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
  await must([`/sbin/mkfs.${fileSystem}`, ...options, image]);
  await must(["mount", "-o", "loop", image, folder]);
};
