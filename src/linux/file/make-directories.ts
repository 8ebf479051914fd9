import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { isCode } from "../error.ts";

/**
 * Makes a directory and those above it that are missing, as `mkdir -p`. Node's own `recursive` never ends where a
 * filesystem answers ENOENT to every mkdir, as procfs does.
 * @throws the system error of the first directory that cannot be made: EEXIST where something else is in the way
 */
export const makeDirectories = (path: string, mode = 0o755): void => {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path) makeDirectories(above, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else was quicker.
    if (!isCode(error, "EEXIST") || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
};
