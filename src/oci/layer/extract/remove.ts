import { closeSync, readdirSync } from "node:fs";
import { isCode } from "../../../linux/error.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import { unlinkat } from "../../../linux/file/make.ts";
import { openat2, pathOf as descriptorPath } from "../../../linux/file/open.ts";
import { byteString, pathOf } from "../tar/entry.ts";
import type { ByteString } from "../tar/entry.ts";

/** Removes what has a name in a directory, with everything below it. Follows no symlink; what is not there is fine. */
export const removeAt = (directory: number, name: ByteString): void => {
  try {
    unlinkat(directory, pathOf(name));
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    if (!isCode(error, "EISDIR", "EPERM")) throw error;
    emptyAt(directory, name);
    unlinkat(directory, pathOf(name), { directory: true });
  }
};

/** The names in an open directory. */
export const namesIn = (directory: number): ByteString[] =>
  readdirSync(`${descriptorPath(directory)}/.`, { encoding: "buffer" }).map(byteString);

const emptyAt = (parent: number, name: ByteString): void => {
  const directory = openat2(parent, pathOf(name), { flags: O_DIRECTORY | O_NOFOLLOW });
  try {
    for (const child of namesIn(directory)) removeAt(directory, child);
  } finally {
    closeSync(directory);
  }
};
