import { readFile } from "node:fs/promises";
import type { Cli } from "../cli.ts";

/** `-e` and `--env-file` together: files first; a bare name takes its value from this environment or is left out. */
export const envList = async (cli: Cli, own: readonly string[], files: readonly string[]): Promise<string[]> => {
  const lines: string[] = [];
  for (const file of files) {
    for (const line of (await readFile(file, "utf8")).split("\n")) {
      const text = line.trimStart();
      if (text !== "" && !text.startsWith("#")) lines.push(text);
    }
  }
  return [...lines, ...own].flatMap((entry) => {
    if (entry.includes("=")) return [entry];
    const value = cli.env[entry];
    return value === undefined ? [] : [`${entry}=${value}`];
  });
};
