import { accessSync, constants, statSync } from "node:fs";

/** Where programs of the host live. The environment's PATH is not asked: it may be anything. */
const directories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The absolute path of a program of the host, or null when it is not installed. */
export const findBinary = (name: string, searched: readonly string[] = directories): string | null => {
  if (name === "" || name.includes("/")) return null;
  return searched.map((directory) => `${directory}/${name}`).find(isExecutable) ?? null;
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};
