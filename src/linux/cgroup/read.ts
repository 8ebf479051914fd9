import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isCode } from "../error.ts";

/** The trimmed text of a file of a cgroup; null when cgroup or file is not there. */
export const readText = (directory: string | null, name: string): string | null => {
  if (directory === null) return null;
  try {
    return readFileSync(join(directory, name), "utf8").trim();
  } catch (error) {
    // A cgroup that is removed while it is read answers ENODEV.
    if (isCode(error, "ENOENT", "ENODEV", "ENOTDIR", "EOPNOTSUPP", "ENOTSUP")) return null;
    throw error;
  }
};

/** A file that holds one number; null when it is not there, or says "max". */
export const readNumber = (directory: string | null, name: string): number | null => {
  const text = readText(directory, name);
  return text === null || !/^-?\d+$/.test(text) ? null : Number(text);
};

/** A file of `key value` lines. */
export const readTable = (directory: string | null, name: string): Record<string, number> => {
  const rows = (readText(directory, name) ?? "").split("\n").map((line) => line.split(" "));
  return Object.fromEntries(rows.flatMap(([key, value]) => (key && value ? [[key, Number(value)]] : [])));
};
