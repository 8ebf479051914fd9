import { readFileSync } from "node:fs";
import { join } from "node:path";
import { exceptions } from "./exceptions.ts";
import type { CliResult } from "./run.ts";

/** The recorded outcomes of a group by name. */
export const recordingOf = (engine: string, client: string, group: string): Map<string, CliResult> => {
  const file = join(import.meta.dirname, "recorded", engine, `client-${client}`, `${group}.json`);
  const results = JSON.parse(readFileSync(file, "utf8")) as CliResult[];
  return new Map(results.map((result) => [result.name, result]));
};

const parts = ["code", "stdout", "stderr"] as const;

/** Messages name the runtime. */
const withCrun = <T>(value: T): T | string =>
  typeof value === "string" ? value.replaceAll(": runc create failed:", ": crun create failed:") : value;

/** What differs from the recording, one text a part; empty when nothing does. */
export const differences = (recorded: CliResult | undefined, answered: CliResult): string[] => {
  if (!recorded) return [`${answered.name}: not recorded`];
  return parts
    .filter((part) => withCrun(recorded[part]) !== answered[part])
    .filter((part) => !exceptions.some((one) => (one.part ?? part) === part && one.name.test(answered.name)))
    .map(
      (part) =>
        `${part}\n    recorded ${JSON.stringify(recorded[part])}\n    answered ${JSON.stringify(answered[part])}`,
    );
};
